import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type { Handler } from '../../platform/invoke.ts'

/** What an organization stores. The totals are folded deltas; `exact` counts the rows themselves. */
export const usageHandlers = {
  'usage.get': async (context, { exact }) => {
    const [totals, staging, limits] = await Promise.all([
      exact ? countExactly(context.db) : readTotals(context.db),
      readStaging(context.db),
      context.db
        .selectFrom('organization')
        .select(['quota_bytes', 'quota_files'])
        .where('tenant_id', '=', context.tenantId)
        .executeTakeFirst(),
    ])
    return {
      ...totals,
      quotaBytes: limits?.quota_bytes ?? null,
      quotaFiles: limits?.quota_files ?? null,
      staging: { count: staging.unfinished, bytes: staging.unfinishedBytes },
      releasing: { count: staging.releasing, bytes: staging.releasingBytes },
    }
  },
} satisfies { 'usage.get': Handler<'usage.get'> }

interface Totals {
  bytes: number
  files: number
  storedBytes: number
}

async function readTotals(db: Db): Promise<Totals> {
  const { rows } =
    await sql<Totals>`select coalesce(sum(bytes), 0)::bigint as bytes, coalesce(sum(files), 0)::bigint as files,
      coalesce(sum(stored_bytes), 0)::bigint as "storedBytes"
    from (select bytes, files, stored_bytes from usage_total where tenant_id = (select api.tenant())
      union all select bytes, files, stored_bytes from usage_delta where tenant_id = (select api.tenant())) parts`.execute(
      db,
    )
  return rows[0] as Totals
}

async function countExactly(db: Db): Promise<Totals> {
  const { rows } = await sql<Totals>`select
      (select coalesce(sum(size_bytes), 0)::bigint from version where tenant_id = (select api.tenant()))
        + (select coalesce(sum(size_bytes), 0)::bigint from variant where tenant_id = (select api.tenant()) and attached) as bytes,
      (select count(*) from asset where tenant_id = (select api.tenant())) as files,
      (select coalesce(sum(o.size_bytes), 0)::bigint from copy c join object o on o.tenant_id = c.tenant_id and o.sha256 = c.sha256
        where c.tenant_id = (select api.tenant()) and c.state = 'live') as "storedBytes"`.execute(db)
  return rows[0] as Totals
}

async function readStaging(db: Db) {
  const { rows } = await sql<{
    unfinished: number
    unfinishedBytes: number
    releasing: number
    releasingBytes: number
  }>`select
      count(*) filter (where c.state = 'writing') as unfinished,
      coalesce(sum(u.reserved_bytes) filter (where c.state = 'writing'), 0)::bigint as "unfinishedBytes",
      count(*) filter (where c.state = 'releasing') as releasing,
      coalesce(sum(c.stored_bytes) filter (where c.state = 'releasing'), 0)::bigint as "releasingBytes"
    from copy c left join upload u on u.tenant_id = c.tenant_id and u.copy_id = c.id
    where c.tenant_id = (select api.tenant()) and c.state in ('writing', 'releasing')`.execute(db)
  return rows[0] as { unfinished: number; unfinishedBytes: number; releasing: number; releasingBytes: number }
}

import type { Logger } from 'pino'
import { cachedPaths } from '../../domain/content-path.ts'
import { toId } from '../../domain/id.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Cdn, CdnPurgeRequest } from '../../providers/cdn/port.ts'
import { deletePurges, type Purge, takePurges } from './delivery.sql.ts'

export interface Purging {
  cdn: Cdn | undefined
  inTenant: <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>
  log: Logger
}

/**
 * Tells the CDN to forget the assets that are due, all of them in one request. What the network does not take stays and
 * is due again later.
 *
 * @returns how many are done with
 */
export async function purgeCached(
  { cdn, inTenant, log }: Purging,
  due: readonly { tenant_id: string; id: string }[],
): Promise<number> {
  const taken = new Map<string, Purge[]>()
  for (const [tenantId, rows] of Map.groupBy(due, (row) => row.tenant_id)) {
    const ids = rows.map((row) => row.id)
    taken.set(tenantId, await inTenant(tenantId, (db) => takePurges(db, tenantId, ids)))
  }
  const purges = [...taken.values()].flat()
  const request = cdn && requestFor(cdn, purges)
  try {
    if (request) await cdn.purge(request)
  } catch (error) {
    log.error({ err: error, assets: purges.length }, 'the CDN could not be purged; it will be tried again')
    return 0
  }
  for (const [tenantId, rows] of taken) {
    const ids = rows.map((row) => row.id)
    await inTenant(tenantId, (db) => deletePurges(db, tenantId, ids))
  }
  return purges.length
}

function requestFor({ capabilities }: Cdn, purges: readonly Purge[]): CdnPurgeRequest | undefined {
  if (purges.length === 0) return undefined
  const reference = purges
    .map(({ id }) => id)
    .sort()
    .join()
  if (capabilities.tags) return { reference, tags: purges.map((purge) => toId('asset', purge.asset_id)) }
  if (!capabilities.purge) return undefined
  return {
    reference,
    paths: purges.flatMap((purge) => cachedPaths(toId('asset', purge.asset_id), purge.last_n, purge.url_epoch)),
  }
}

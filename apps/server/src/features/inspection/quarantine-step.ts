import { sql } from 'kysely'
import { newUuid, toId } from '../../domain/id.ts'
import { auditOwnAct } from '../../platform/audit-trail.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Platform } from '../../platform/invoke.ts'
import type { Inspector } from '../uploads/room.ts'
import type { StepWork } from './pipeline.ts'
import { askStep, type Claim, findInspected, isOf } from './steps.sql.ts'

/**
 * Shows a verdict with every asset whose bytes it is about. Harmful ones are taken out of reach, once for all versions
 * and assets that share the bytes; their copies are moved by the job that moves copies.
 */
export function quarantineStep(
  platform: Platform,
  quarantineStoreId: string,
  inspector: Pick<Inspector, 'reads' | 'draws'>,
): StepWork {
  return (claim, _signal, end) =>
    end({
      state: 'done',
      apply: async (db) => {
        const contents = await settleContents(db, claim, quarantineStoreId)
        for (const { sha256 } of contents.filter(({ harmful }) => harmful))
          await recordHarm(platform, db, claim, sha256)
        if (contents.some(({ own, harmful }) => own && !harmful)) await goOn(db, claim, inspector)
      },
    })
}

/** What was held up by the scan, and was not read and drawn before, is now. */
async function goOn(db: Db, claim: Claim, { reads, draws }: Pick<Inspector, 'reads' | 'draws'>): Promise<void> {
  const found = await findInspected(db, claim)
  if (!found || found.is_read) return
  if (reads(found.media_type)) await askStep(db, { ...claim, name: 'extract' }, claim.priority)
  if (draws(found.media_type)) await askStep(db, { ...claim, name: 'variants' }, claim.priority)
}

interface Settled {
  sha256: Buffer
  /** Of the version itself, not of what was attached to it. */
  own: boolean
  harmful: boolean
}

/** Of what was attached, that alone which is harmful: nothing else shows its verdict. */
async function settleContents(db: Db, claim: Claim, storeId: string): Promise<Settled[]> {
  const { rows } = await sql<Settled>`
    select sha256, own, api.settle_verdict(sha256, ${storeId}) as harmful
    from (
      select sha256, true as own from version v where ${isOf(claim, 'v')}
      union all
      select distinct v.sha256, false from variant v
        join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
        where ${isOf(claim, 'v')} and v.attached and o.scan = 'infected'
    ) contents`.execute(db)
  return rows
}

async function recordHarm(platform: Platform, db: Db, claim: Claim, sha256: Buffer): Promise<void> {
  const entered = await enterQuarantine(db, claim, sha256, newUuid())
  if (entered === undefined) return
  const act = { tenantId: claim.tenant_id, subject: [toId('quarantine', entered), toId('asset', claim.asset_id)] }
  await auditOwnAct(platform.auditTrail, db, 'system.quarantine', act, platform.clock())
}

/** @returns undefined when these bytes are in quarantine already */
async function enterQuarantine(db: Db, claim: Claim, sha256: Buffer, id: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    insert into quarantine_entry (tenant_id, id, sha256, finding, signatures, size_bytes, name, asset_id)
    select v.tenant_id, ${id}, o.sha256, o.finding, o.signatures, o.size_bytes, v.name, v.asset_id
    from version v join object o on o.tenant_id = v.tenant_id
    where ${isOf(claim, 'v')} and o.sha256 = ${sha256} and o.scan = 'infected'
    on conflict (tenant_id, sha256) where state = 'held' do nothing
    returning id`.execute(db)
  return rows[0]?.id
}

import { sql } from 'kysely'
import { newUuid, toId } from '../../domain/id.ts'
import { auditOwnAct } from '../../platform/audit-trail.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Platform } from '../../platform/invoke.ts'
import type { Inspector } from '../uploads/room.ts'
import type { StepWork } from './pipeline.ts'
import { askStep, type Claim, findInspected } from './steps.sql.ts'

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
        if (await isHarmful(db, claim, quarantineStoreId)) await recordHarm(platform, db, claim)
        else await goOn(db, claim, inspector)
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

async function isHarmful(db: Db, claim: Claim, storeId: string): Promise<boolean> {
  const { rows } = await sql<{ harmful: boolean }>`
    select api.settle_verdict(v.sha256, ${storeId}) as harmful from version v
    where v.tenant_id = ${claim.tenant_id} and v.asset_id = ${claim.asset_id} and v.n = ${claim.n}`.execute(db)
  return rows[0]?.harmful === true
}

async function recordHarm(platform: Platform, db: Db, claim: Claim): Promise<void> {
  const entered = await enterQuarantine(db, claim, newUuid())
  if (entered === undefined) return
  const act = { tenantId: claim.tenant_id, subject: [toId('quarantine', entered), toId('asset', claim.asset_id)] }
  await auditOwnAct(platform.auditTrail, db, 'system.quarantine', act, platform.clock())
}

/** @returns undefined when these bytes are in quarantine already */
async function enterQuarantine(db: Db, claim: Claim, id: string): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    insert into quarantine_entry (tenant_id, id, sha256, finding, signatures, size_bytes, name, asset_id)
    select v.tenant_id, ${id}, v.sha256, o.finding, o.signatures, o.size_bytes, v.name, v.asset_id
    from version v join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
    where v.tenant_id = ${claim.tenant_id} and v.asset_id = ${claim.asset_id} and v.n = ${claim.n} and o.scan = 'infected'
    on conflict (tenant_id, sha256) where state = 'held' do nothing
    returning id`.execute(db)
  return rows[0]?.id
}

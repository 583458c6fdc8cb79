import { createHash } from 'node:crypto'
import { backoffSeconds } from '../../platform/backoff.ts'
import { beat } from '../../platform/beat.ts'
import { StoreError } from '../../providers/stores/port.ts'
import { openCopy, type Uploads } from '../uploads/room.ts'
import { auditIncident } from './incidents.ts'
import type { StoreEvents } from './room.ts'
import * as rows from './stores.sql.ts'

const LEASE_SECONDS = 60

type Finding = 'intact' | 'damaged' | 'missing' | 'released'

/**
 * Reads the copy that an incident is about, whole, and records what it is found to be. Safe to repeat; a store that does
 * not answer is asked again later.
 *
 * @returns false when it has to wait
 */
export async function scrubIncident(events: StoreEvents, tenantId: string, incidentId: string): Promise<boolean> {
  const { inTenant } = events.platform
  const incident = await inTenant(tenantId, (db) => rows.claimScrub(db, tenantId, incidentId, LEASE_SECONDS))
  if (!incident) return false
  const stopBeating = beat(LEASE_SECONDS, () =>
    inTenant(tenantId, (db) => rows.putOffScrub(db, incident, LEASE_SECONDS)),
  )
  try {
    return await settle(events, incident, await findingOf(events, incident))
  } catch (error) {
    const seconds = backoffSeconds(incident.attempts)
    events.log.warn({ err: error, incident: incidentId }, 'a copy could not be read again now')
    await inTenant(tenantId, (db) => rows.putOffScrub(db, incident, seconds))
    return false
  } finally {
    stopBeating()
  }
}

async function findingOf(events: StoreEvents, { tenant_id: tenantId, copy_id }: rows.IncidentRow): Promise<Finding> {
  const { uploads, platform } = events
  const copy = await platform.inTenant(tenantId, (db) => rows.findScrubbed(db, tenantId, copy_id as string))
  if (copy?.state !== 'live') return 'released'
  try {
    const actual = await hashOf(uploads, tenantId, copy)
    return actual.equals(copy.sha256 as Buffer) ? 'intact' : 'damaged'
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'notFound') return 'missing'
    if (error instanceof StoreError && error.kind === 'corrupt') return 'damaged'
    throw error
  }
}

async function hashOf(uploads: Uploads, tenantId: string, copy: rows.ScrubbedCopy): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const piece of await openCopy(uploads, tenantId, copy)) hash.update(piece as Buffer)
  return hash.digest()
}

async function settle(events: StoreEvents, incident: rows.IncidentRow, finding: Finding): Promise<boolean> {
  const { tenant_id: tenantId, id } = incident
  return events.platform.inTenant(tenantId, async (db) => {
    const copy = await rows.findScrubbed(db, tenantId, incident.copy_id as string)
    // Released while it was read: our own removal is no loss.
    const outcome = copy?.state === 'live' ? finding : 'released'
    const others = copy && outcome !== 'released' ? await rows.findOtherStores(db, tenantId, copy) : []
    const lost = outcome === 'damaged' || outcome === 'missing'
    const settled = await rows.settleIncident(db, incident, {
      outcome,
      other_copies: outcome === 'released' ? null : others.length,
      detail: lost ? adviceOn(others) : null,
    })
    if (!settled) return false
    await auditIncident(events.platform, db, 'system.scrub', tenantId, id, outcome)
    if (lost) events.log.error({ incident: id, store: incident.store_id, key: incident.key, outcome }, 'a copy is lost')
    return true
  })
}

function adviceOn(others: readonly string[]): string {
  if (others.length === 0) return 'There is no other live copy: restore the object from a backup of the store.'
  return `The same bytes lie in ${[...new Set(others)].join(', ')} as well.`
}

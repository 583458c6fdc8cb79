import { newUuid, toId } from '../../domain/id.ts'
import { auditOwnAct } from '../../platform/audit-trail.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Platform } from '../../platform/invoke.ts'
import type { StoreEvents } from './room.ts'
import { insertIncident, type Place } from './stores.sql.ts'

interface Incident extends Place {
  kind: 'vanished' | 'changed' | 'strange' | 'refused'
  /** The copy to be read again, if it is about one. */
  copyId: string | null
  at: Date
  detail: string | null
}

/** Records an incident, with its audit event, in the caller's transaction. */
export async function raiseIncident({ platform, log }: StoreEvents, db: Db, incident: Incident): Promise<void> {
  const { tenantId, storeId, key, kind, copyId, at, detail } = incident
  const id = newUuid()
  await insertIncident(db, { tenant_id: tenantId, id, kind, store_id: storeId, key, copy_id: copyId, at, detail })
  await auditIncident(platform, db, 'system.incident', tenantId, id, kind)
  log.warn({ incident: id, kind, store: storeId, key, detail }, 'an incident in a store')
}

export async function auditIncident(
  platform: Platform,
  db: Db,
  action: 'system.incident' | 'system.scrub',
  tenantId: string,
  incidentId: string,
  remark: string,
): Promise<void> {
  const act = { tenantId, subject: [toId('incident', incidentId)], remarks: new Set([remark]) }
  await auditOwnAct(platform.auditTrail, db, action, act, platform.clock())
}

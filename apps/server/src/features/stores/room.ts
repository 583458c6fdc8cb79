import type { Output } from '@stowage/contract'
import type pg from 'pg'
import type { Logger } from 'pino'
import { toId } from '../../domain/id.ts'
import type { Call, Handler, Platform } from '../../platform/invoke.ts'
import { invoke } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import type { Uploads } from '../uploads/room.ts'
import { findIncidents, type ListedIncident } from './stores.sql.ts'
import { takeMessage } from './take-events.ts'

/** What happens in stores behind our back: news of it, incidents, and the inbox. */
export interface StoreEvents {
  platform: Platform
  uploads: Uploads
  /** Finds across organizations, and nothing else. */
  sweep: pg.Pool
  /** The stores whose objects lie in a bucket of that name. */
  storesIn: (bucket: string) => readonly string[]
  /** What the keys of objects begin with that are to become assets. */
  inbox: string
  /** The key of posted messages; without one none is taken. */
  secret: Buffer | undefined
  onEvent: (became: 'taken' | 'strange' | 'ignored') => void
  log: Logger
}

/** Takes a message from whoever `invoke` lets: the platform's keys. */
export async function reportEvents(events: StoreEvents, call: Call, body: string) {
  await invoke<'storeEvents.create', undefined>(events.platform, 'storeEvents.create', call, async () => undefined)
  return takeMessage(events, body)
}

export const incidentHandlers = {
  'incidents.list': async (context, { limit, cursor, ...filter }) => {
    const question = { list: 'incidents', ...filter }
    const position = positionOf(context, question, cursor) as [string, string] | undefined
    const from = position && { at: position[0], id: position[1] }
    const found = await findIncidents(context.db, context.tenantId, filter, from, limit + 1)
    return pageOf(context, question, limit, found, shown, (row) => [row.seen_at.toISOString(), row.id])
  },
} satisfies { 'incidents.list': Handler<'incidents.list'> }

function shown(row: ListedIncident): Output<'incidents.list'>['items'][number] {
  return {
    id: toId('incident', row.id),
    kind: row.kind as 'changed',
    store: row.store_id,
    key: row.key,
    copyId: row.copy_id && toId('copy', row.copy_id),
    assetIds: row.asset_ids.map((id) => toId('asset', id)),
    at: row.at.toISOString(),
    seenAt: row.seen_at.toISOString(),
    settledAt: row.settled_at?.toISOString() ?? null,
    outcome: row.outcome as 'intact' | null,
    otherCopies: row.other_copies,
    detail: row.detail,
  }
}

export { takeFromInbox } from './inbox.ts'
export { scrubIncident } from './scrub.ts'
export { countIncidents, forgetOld } from './stores.sql.ts'
export { takeMessage } from './take-events.ts'

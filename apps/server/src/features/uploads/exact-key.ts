import type { Layout } from '../../domain/key-layout.ts'
import { Problem } from '../../domain/problem.ts'
import type { Db } from '../../platform/database/connect.ts'
import { isUniqueViolation } from '../../platform/database/transaction.ts'
import { isKeyedByCall, type KeyFacts } from './placing.ts'
import { findHolder } from './uploads.sql.ts'

/** How long the reaper, which looks every minute, may take to free a key that is due. */
const REAPER_SECONDS = 90

/**
 * Refuses a second recording of a call where its key would be the first one's: keys are used once (R4).
 *
 * @throws Problem `recording.exists`, or `recording.busy` where the key will be free again
 */
export async function requireFreeKey(
  db: Db,
  tenantId: string,
  layout: Layout,
  facts: KeyFacts,
  place: { storeId: string; key: string },
): Promise<void> {
  if (!isKeyedByCall(layout, facts)) return
  const callId = facts.callId as string
  const holder = await findHolder(db, tenantId, place.storeId, place.key)
  if (!holder) return
  if (holder.state === 'live') throw new Problem('recording.exists', { callId })
  const retryAfterSeconds = Math.max(0, Math.ceil(holder.freeInSeconds)) + REAPER_SECONDS
  throw new Problem('recording.busy', { callId, retryAfterSeconds })
}

/** Says so of a key that was free a moment before, and that another upload has taken since. */
export function orBusy<Result>(facts: KeyFacts, inserted: Promise<Result>): Promise<Result> {
  return inserted.catch((error) => {
    if (facts.callId === undefined || !isUniqueViolation(error)) throw error
    throw new Problem('recording.busy', { callId: facts.callId, retryAfterSeconds: REAPER_SECONDS })
  })
}

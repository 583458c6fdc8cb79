import { backoffSeconds } from '../../platform/backoff.ts'
import { beat } from '../../platform/beat.ts'
import type { Db } from '../../platform/database/connect.ts'
import { StoreError } from '../../providers/stores/port.ts'
import type { Inspection } from './room.ts'
import * as rows from './steps.sql.ts'

const LEASE_SECONDS = 60
const MAX_FAILURES = 8
/** A scanner that breaks off at a file, or never ends with it, is kept from other files by every attempt. */
const MAX_SCAN_FAILURES = 3
/** What passes by itself is looked for every half minute or so, however long it takes. */
const PASSING_DOUBLINGS = 5

/** What a step came to. `apply` runs in the transaction that records its end, so that its effect is there exactly once. */
export interface Outcome {
  state: 'done' | 'skipped'
  reason?: string | null
  apply?: (db: Db) => Promise<void>
}

/**
 * Looks at a version and ends with what came of it. It may run more than once; only one run's outcome counts.
 *
 * @returns what `end` answers: whether it was this one's
 */
export type StepWork = (
  claim: rows.Claim,
  signal: AbortSignal,
  end: (outcome: Outcome) => Promise<boolean>,
) => Promise<boolean>

/** Nothing is wrong with the file, but what it needs is not there now: tried again for as long as it takes. */
export class NotNow extends Error {}

/**
 * Runs a step that is due. Safe to be killed anywhere: what nobody has ended is due again when its lease is over.
 *
 * @param calledOff ends it early; with a NotNow as its reason the step waits for another attempt
 * @returns false when there is nothing to do for it now
 */
export async function runStep(inspection: Inspection, step: rows.StepId, calledOff?: AbortSignal): Promise<boolean> {
  const { inTenant } = inspection.platform
  const work = inspection.steps[step.name]
  if (!work) return false
  const claim = await inTenant(step.tenant_id, (db) => rows.claimStep(db, step, LEASE_SECONDS))
  if (!claim) return false
  const began = performance.now()
  const abort = new AbortController()
  const signal = calledOff ? AbortSignal.any([abort.signal, calledOff]) : abort.signal
  const stopBeating = beat(LEASE_SECONDS, async () => {
    const mine = await inTenant(step.tenant_id, (db) => rows.extendStep(db, claim, LEASE_SECONDS))
    // Another attempt has it, or its asset is gone.
    if (!mine) abort.abort(new NotNow('the step was taken over'))
  })
  try {
    return await work(claim, signal, (outcome) => end(inspection, claim, outcome, performance.now() - began))
  } catch (error) {
    // What was called off fails in many ways.
    await put(inspection, claim, signal.aborted ? signal.reason : error, performance.now() - began)
    return false
  } finally {
    stopBeating()
  }
}

/** The effect and its record in one transaction, or neither. */
async function end(
  { platform }: Inspection,
  claim: rows.Claim,
  { state, reason = null, apply }: Outcome,
  durationMs: number,
): Promise<boolean> {
  return platform.inTenant(claim.tenant_id, async (db) => {
    // First, because it locks the row: two attempts never apply their effects side by side.
    if (!(await rows.endStep(db, claim, { state, reason, durationMs }))) return false
    await apply?.(db)
    return true
  })
}

/** Puts a failed attempt off, or gives the step up. */
async function put(inspection: Inspection, claim: rows.Claim, error: unknown, durationMs: number): Promise<void> {
  const { platform, log } = inspection
  const passing = error instanceof NotNow || (error instanceof StoreError && error.retryable)
  const failures = claim.failures + (passing ? 0 : 1)
  const dead = failures >= (claim.name === 'scan' ? MAX_SCAN_FAILURES : MAX_FAILURES)
  const reason = String((error as Error).message ?? error).slice(0, 500)
  const step = { asset: claim.asset_id, version: claim.n, step: claim.name, attempt: claim.attempts }
  log[dead ? 'error' : 'warn'](
    { err: error, ...step },
    dead ? 'a step was given up' : 'a step failed; it is tried again',
  )
  await platform.inTenant(claim.tenant_id, async (db) => {
    const again = backoffSeconds(passing ? Math.min(claim.attempts, PASSING_DOUBLINGS) : failures)
    const state = dead ? 'dead' : 'waiting'
    const ended = await rows.endStep(db, claim, { state, reason, durationMs, failures, againInSeconds: again })
    if (ended && dead) await inspection.onDead[claim.name]?.(db, claim)
  })
}

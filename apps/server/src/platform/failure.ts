import { getOperation, type OperationName } from '@stowage/contract'
import type { Principal } from '../domain/principal.ts'
import { Problem } from '../domain/problem.ts'
import { type AuditNote, auditOutcome } from './audit-trail.ts'
import type { Db } from './database/connect.ts'
import { isUnavailable, transaction } from './database/transaction.ts'
import { enter, intoNamed } from './enter.ts'
import { releaseClaim } from './idempotency.ts'
import type { Call, Platform } from './invoke.ts'

/** What is known of a call while it is carried out, for its audit event. */
export interface Trace {
  principal: Principal | undefined
  subject: readonly string[]
  remarks: Set<string>
  /** Whether it was taken from the caller's rate. */
  counted: boolean
  /** The event that its own transaction wrote. */
  note: AuditNote | undefined
}

export function traceOf(subject: readonly string[], principal?: Principal): Trace {
  return { principal, subject, remarks: new Set(), counted: false, note: undefined }
}

/** A refusal, and whether its audit event has been written already. */
export class Recorded extends Error {
  readonly problem: Problem
  readonly written: boolean

  constructor(problem: Problem, written: boolean) {
    super(problem.message)
    this.problem = problem
    this.written = written
  }
}

/** A refused or failed call is audited in a transaction of its own, since its first one was rolled back (R10). */
export async function recordFailure(
  platform: Platform,
  name: OperationName,
  call: Call,
  trace: Trace,
  error: unknown,
): Promise<unknown> {
  const problem = error instanceof Recorded ? error.problem : error instanceof Problem ? error : undefined
  if (!trace.principal) {
    if (problem) platform.onUnauthenticated(problem.code)
    return problem ?? translate(error, name)
  }
  if (error instanceof Recorded && error.written) return error.problem
  if (problem?.code === 'rate.limited') return problem
  const failure = problem ?? translate(error, name)
  const note = auditOutcome(name, call, { ...trace, principal: trace.principal }, platform.clock(), failure)
  try {
    await platform.auditTrail.writeAlone(note)
  } catch (auditError) {
    call.log.error({ err: auditError, operation: name }, 'a refusal could not be audited')
  }
  return failure
}

const INSUFFICIENT_PRIVILEGE = '42501'

/** A rule that the database holds alone, such as who may publish, refuses by an error of its own. */
function translate(error: unknown, name: OperationName): unknown {
  if ((error as { code?: unknown } | null)?.code === INSUFFICIENT_PRIVILEGE) {
    const problem = new Problem('access.forbidden', { action: getOperation(name).action })
    problem.cause = error
    return problem
  }
  if (isUnavailable(error)) {
    const problem = new Problem('database.unavailable', { retryAfterSeconds: 2 })
    problem.cause = error
    return problem
  }
  return error
}

/** A failure of the second transaction of a streamed upload, which `invoke` has recorded already. */
class Committed extends Error {
  readonly problem: unknown

  constructor(problem: unknown) {
    super('the commit was refused')
    this.problem = problem
  }
}

/** Makes a failure of the second transaction known to `refuseBetween`. */
export function committing<Result>(second: Promise<Result>): Promise<Result> {
  return second.catch((error) => {
    throw new Committed(error)
  })
}

/**
 * Records that a streamed upload was refused between its two transactions, and frees its Idempotency-Key. What failed in
 * the second one stays as it is.
 *
 * @returns what to answer
 */
export async function refuseBetween(
  platform: Platform,
  name: OperationName,
  call: Call,
  principal: Principal,
  error: unknown,
): Promise<unknown> {
  if (error instanceof Committed) return error.problem
  const key = call.idempotencyKey
  if (key !== undefined) {
    const free = (db: Db) => releaseClaim({ db, tenantId: principal.tenantId, principal }, key)
    const entering = { enter: (db: Db) => enter(db, intoNamed(call.credential, call.input), false) }
    await transaction(platform.pool, entering, free).catch((cause) =>
      call.log.warn({ err: cause }, 'an idempotency key stays claimed'),
    )
  }
  return recordFailure(platform, name, call, traceOf([], principal), error)
}

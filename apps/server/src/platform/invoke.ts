import { getOperation, type Operation, type OperationName, type Output, type Parsed } from '@stowage/contract'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { newUuid, toId, toUuid } from '../domain/id.ts'
import { type Principal, permits } from '../domain/principal.ts'
import { Problem, problemOf, Refusal } from '../domain/problem.ts'
import type { Cdn } from '../providers/cdn/port.ts'
import { type AuditNote, type AuditTrail, auditOutcome } from './audit-trail.ts'
import type { Db } from './database/connect.ts'
import { isUnavailable, mayRetry, together, transaction } from './database/transaction.ts'
import { type Credential, enter, UnseenMember } from './enter.ts'
import { claimAnswer, type Idempotency, keepAnswer, releaseClaim } from './idempotency.ts'
import type { RateLimiter } from './rate-limiter.ts'

/** What a handler is given: never a request, and for a row that changes something, no stores. */
export interface Context {
  readonly principal: Principal
  readonly tenantId: string
  readonly db: Db
  readonly now: Date
  readonly log: Logger
  readonly requestId: string
  /** Scheme and host that callers reach this service by, for absolute URLs. */
  readonly origin: string
  /** The network that reads from that origin, for its URLs. */
  readonly cdn: Cdn | undefined
  /** Binds cursors to their query; the same on every node. */
  readonly cursorKey: Buffer
  /** The ETag that the caller's change is based on. */
  readonly ifMatch: string | undefined
  /** Remarks for the audit event, such as `privileged`. */
  readonly remarks: Set<string>
  /** Leaves statements that were sent, and whose answer nothing depends on, to COMMIT to wait for. */
  readonly atCommit: (...sent: Promise<unknown>[]) => void
}

export type Handler<Name extends OperationName> = (
  context: Context,
  input: Parsed<Name>,
) => Promise<Output<Name> | Refusal>

/** The operations whose bytes stream past `invoke`; their doors call the rooms themselves. */
export type ByteOperation =
  | 'assets.create'
  | 'versions.create'
  | 'assets.content'
  | 'variants.content'
  | 'variants.attach'
  | 'uploads.put'
  | 'uploads.post'
  | 'uploads.putPart'
  | 'resumable.create'
  | 'resumable.append'
  | 'storeEvents.create'

/** The operations that speak to a store beside their transaction; their room calls `invoke` itself. */
export type StoreOperation =
  | 'uploads.create'
  | 'uploads.signParts'
  | 'uploads.parts'
  | 'uploads.complete'
  | 'signedUrls.create'

/** A handler for every other row: one that is missing does not compile. */
export type Handlers = { [Name in Exclude<OperationName, ByteOperation | StoreOperation>]: Handler<Name> }
export type StoreHandlers = { [Name in StoreOperation]: (call: Call) => Promise<Output<Name>> }

/** One call of an operation, through whichever door it came. */
export interface Call {
  credential: Credential
  input: unknown
  requestId: string
  origin: string
  ip: string | null
  userAgent: string | null
  log: Logger
  ifMatch?: string | undefined
  idempotencyKey?: string | undefined
}

/** A call that nobody made over a door: the service carries out what was asked of it earlier. */
export function ownCall<Input>(credential: Credential, input: Input, log: Logger): Call & { input: Input } {
  const requestId = toId('request', newUuid())
  return { credential, input, requestId, origin: 'http://localhost', ip: null, userAgent: null, log }
}

export interface Platform {
  pool: pg.Pool
  auditTrail: AuditTrail
  rateLimiter: RateLimiter
  clock: () => Date
  cdn: Cdn | undefined
  cursorKey: Buffer
  onUnauthenticated: (code: string) => void
  /** Runs the service's own work in one organization. */
  inTenant: <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>
}

interface Options<Name extends OperationName, Ahead> {
  /** `false` for the first half of a streamed upload, whose commit is audited. */
  audited?: boolean
  idempotency?: Idempotency | undefined
  /** A read that must write after all: a limited link takes its use. */
  writes?: boolean
  /** A query that needs nothing but the organization, sent along with `enter`: it finds nothing when that refuses. */
  ahead?: (db: Db, input: Parsed<Name>) => Promise<Ahead>
}

/**
 * The only way in: parse → transaction → enter → authorise → handler → audit → commit. One operation is one
 * authorisation, one transaction and one audit event.
 *
 * @throws Problem for every refusal; anything else is a fault of ours
 */
export async function invoke<Name extends OperationName, Result = Output<Name>, Ahead = undefined>(
  platform: Platform,
  name: Name,
  call: Call,
  handler: (context: Context, input: Parsed<Name>, ahead: Ahead) => Promise<Result | Refusal>,
  options: Options<Name, Ahead> = {},
): Promise<Result> {
  const row = getOperation(name)
  const input = parse<Parsed<Name>>(row.input, call.input)
  for (let attempt = 1; ; attempt++) {
    const trace: Trace = { principal: undefined, subject: row.subject(input as never), remarks: new Set() }
    try {
      return await attemptOnce(platform, name, call, input, handler, options, trace)
    } catch (error) {
      if (error instanceof UnseenMember && attempt === 1) {
        await transaction(platform.pool, { enter: (db) => enter(db, call.credential, false) }, async () => undefined)
        continue
      }
      if (mayRetry(error) && attempt < 4) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * 2 ** attempt))
        continue
      }
      throw await recordFailure(platform, name, call, trace, error)
    }
  }
}

interface Trace {
  principal: Principal | undefined
  subject: readonly string[]
  remarks: Set<string>
}

async function attemptOnce<Name extends OperationName, Result, Ahead>(
  platform: Platform,
  name: Name,
  call: Call,
  input: Parsed<Name>,
  handler: (context: Context, input: Parsed<Name>, ahead: Ahead) => Promise<Result | Refusal>,
  options: Options<Name, Ahead>,
  trace: Trace,
): Promise<Result> {
  const row = getOperation(name)
  const now = platform.clock()
  const readOnly = row.effect === 'read' && !options.writes
  const pending: Promise<unknown>[] = []
  let note: AuditNote | undefined
  const outcome = await transaction(
    platform.pool,
    {
      readOnly,
      pending,
      enter: (db) =>
        together([
          enter(db, intoNamed(call.credential, input), readOnly),
          options.ahead?.(db, input) as Promise<Ahead>,
        ]),
      last: (db) => (note ? platform.auditTrail.write(db, note) : []),
    },
    async (db, [entrance, ahead]): Promise<Result | Refusal> => {
      if (entrance instanceof Refusal) return entrance
      trace.principal = entrance
      authorise(platform, entrance, row.action)
      const context: Context = {
        principal: entrance,
        tenantId: entrance.tenantId,
        db,
        now,
        log: call.log,
        requestId: call.requestId,
        origin: call.origin,
        cdn: platform.cdn,
        cursorKey: platform.cursorKey,
        ifMatch: call.ifMatch,
        remarks: trace.remarks,
        atCommit: (...sent) => {
          // Should the handler fail first, nobody waits for them any more.
          for (const each of sent) each.catch(() => undefined)
          pending.push(...sent)
        },
      }
      const use = options.idempotency ?? wholeUse(row, call, input)
      const repeated = use && (await claimAnswer(context, row, use))
      if (repeated) return repeated.answer as Result
      const result = await handler(context, input, ahead)
      if (use) await keepAnswer(context, row, use, result)
      if (!(result instanceof Refusal)) trace.subject = subjectOf(trace.subject, result)
      if (row.audit === 'transaction' && options.audited !== false) {
        note = auditOutcome(
          name,
          call,
          { ...trace, principal: entrance },
          now,
          result instanceof Refusal ? result.problem : undefined,
        )
      }
      return result
    },
  )
  if (note) platform.auditTrail.committed(note)
  if (outcome instanceof Refusal) throw new Recorded(outcome.problem, note !== undefined)
  if (row.audit === 'batched' && options.audited !== false && trace.principal) {
    platform.auditTrail.later(auditOutcome(name, call, { ...trace, principal: trace.principal }, now))
  }
  return outcome
}

/** A refusal, and whether its audit event has been written already. */
class Recorded extends Error {
  readonly problem: Problem
  readonly written: boolean

  constructor(problem: Problem, written: boolean) {
    super(problem.message)
    this.problem = problem
    this.written = written
  }
}

/** A refused or failed call is audited in a transaction of its own, since its first one was rolled back (R10). */
async function recordFailure(
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

function parse<Input>(schema: z.ZodObject, value: unknown): Input {
  const read = schema.safeParse(value)
  if (read.success) return read.data as Input
  throw new Problem('request.invalid', {
    errors: read.error.issues.slice(0, 20).map((issue) => ({ field: issue.path.join('.'), reason: reasonOf(issue) })),
  })
}

function reasonOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? `unknown field: ${issue.keys.join(', ')}` : issue.message
}

function authorise(platform: Platform, principal: Principal, action: Parameters<typeof permits>[1]): void {
  const verdict = permits(principal, action)
  if (verdict !== 'yes') throw problemOf(verdict === 'forbidden' ? 'access.forbidden' : 'access.outOfScope', { action })
  const wait = platform.rateLimiter.take(principal)
  if (wait > 0) throw new Problem('rate.limited', { retryAfterSeconds: wait })
}

function wholeUse(row: Operation, call: Call, input: unknown): Idempotency | undefined {
  if (call.idempotencyKey === undefined || !row.preconditions.includes('idempotencyKey')) return undefined
  return { key: call.idempotencyKey, identity: input, part: 'whole' }
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
  return recordFailure(platform, name, call, { principal, subject: [], remarks: new Set() }, error)
}

/** An organization named in the address is the one that is entered; a key of another organization is refused there. */
function intoNamed(credential: Credential, input: unknown): Credential {
  const { organizationId } = input as { organizationId?: string }
  if (organizationId === undefined || credential.kind !== 'secret') return credential
  return { ...credential, organization: toUuid(organizationId) }
}

/** What was made is the subject when the input named none. */
function subjectOf(named: readonly string[], result: unknown): readonly string[] {
  if (named.length > 0) return named
  const id = (result as { id?: unknown } | null | undefined)?.id
  return typeof id === 'string' ? [id] : []
}

import { getOperation, type Operation, type OperationName, type Output, type Parsed } from '@stowage/contract'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { newUuid, toId } from '../domain/id.ts'
import { type Principal, permits } from '../domain/principal.ts'
import { Problem, problemOf, Refusal } from '../domain/problem.ts'
import type { Cdn } from '../providers/cdn/port.ts'
import { type AuditTrail, auditOutcome } from './audit-trail.ts'
import type { Db } from './database/connect.ts'
import { isUnavailable, mayRetry, together, transaction } from './database/transaction.ts'
import { type Credential, enter, intoNamed, UnseenMember } from './enter.ts'
import { Recorded, recordFailure, type Trace, traceOf } from './failure.ts'
import { claimAnswer, type Idempotency, keepAnswer } from './idempotency.ts'
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
  /** Has COMMIT wait for work elsewhere; should that fail, nothing is committed. */
  readonly beforeCommit: (work: Promise<unknown>) => void
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
  ahead?: Query<Name, Ahead>
}

type Query<Name extends OperationName, Ahead> = (db: Db, input: Parsed<Name>) => Promise<Ahead>
type Work<Name extends OperationName, Result, Ahead> = (
  context: Context,
  input: Parsed<Name>,
  ahead: Ahead,
) => Promise<Result | Refusal>

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
  handler: Work<Name, Result, Ahead>,
  options: Options<Name, Ahead> = {},
): Promise<Result> {
  const row = getOperation(name)
  const input = parse<Parsed<Name>>(row.input, call.input)
  for (let attempt = 1; ; attempt++) {
    const turn = { call, input, handler, trace: traceOf(row.subject(input as never)) }
    const { trace } = turn
    try {
      const [outcome] = await attemptOnce(platform, name, [turn], options)
      if (outcome instanceof Refusal) throw new Recorded(outcome.problem, trace.note !== undefined)
      return outcome as Result
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

/**
 * Several calls of one operation by one caller, in one transaction that enters once: it costs little more than one of
 * them. Each is parsed, authorised, counted and audited as if it were alone, in the order given. The callers' credential
 * must be the same, and what `ahead` asks for.
 *
 * @returns undefined when nothing has happened, since one of them failed: each may then be made alone
 */
export async function invokeTogether<Name extends OperationName, Result, Ahead>(
  platform: Platform,
  name: Name,
  calls: readonly { call: Call; handler: (context: Context, input: Parsed<Name>, ahead: Ahead) => Promise<Result> }[],
  ahead: Query<Name, Ahead>,
): Promise<PromiseSettledResult<Result>[] | undefined> {
  const row = getOperation(name)
  const turns: Turn<Name, Result, Ahead>[] = []
  try {
    for (const { call, handler } of calls) {
      const input = parse<Parsed<Name>>(row.input, call.input)
      turns.push({ call, input, handler, trace: traceOf(row.subject(input as never)) })
    }
    const outcomes = await attemptOnce(platform, name, turns, { ahead })
    if (outcomes.some((outcome) => outcome instanceof Refusal)) return undefined
    return outcomes.map((value) => ({ status: 'fulfilled', value: value as Result }))
  } catch (error) {
    if (!isUnavailable(error)) {
      const counted = turns.flatMap(({ trace }) => (trace.counted && trace.principal) || [])
      for (const principal of counted) platform.rateLimiter.giveBack(principal)
      return undefined
    }
    // Whether it was committed nobody knows, so that to do it again might do it twice.
    const failures = turns.map(({ call, trace }) => recordFailure(platform, name, call, trace, error))
    return (await Promise.all(failures)).map((reason) => ({ status: 'rejected', reason }))
  }
}

/** A call on its way through `attemptOnce`. */
interface Turn<Name extends OperationName, Result, Ahead> {
  call: Call
  input: Parsed<Name>
  handler: Work<Name, Result, Ahead>
  trace: Trace
}

/** @returns what each came to; all of them are refused where the caller is not let in */
async function attemptOnce<Name extends OperationName, Result, Ahead>(
  platform: Platform,
  name: Name,
  turns: readonly Turn<Name, Result, Ahead>[],
  options: Options<Name, Ahead>,
): Promise<(Result | Refusal)[]> {
  const row = getOperation(name)
  const { call, input } = turns[0] as Turn<Name, Result, Ahead>
  const now = platform.clock()
  const readOnly = row.effect === 'read' && !options.writes
  const pending: Promise<unknown>[] = []
  const first: Promise<unknown>[] = []
  const notes = () => turns.flatMap(({ trace }) => trace.note ?? [])
  const outcomes = await transaction(
    platform.pool,
    {
      readOnly,
      pending,
      first,
      enter: (db) =>
        together([
          enter(db, intoNamed(call.credential, input), readOnly),
          options.ahead?.(db, input) as Promise<Ahead>,
        ]),
      last: (db) => platform.auditTrail.write(db, notes()),
    },
    async (db, [entrance, ahead]): Promise<(Result | Refusal)[]> => {
      if (entrance instanceof Refusal) return turns.map(() => entrance)
      for (const { trace } of turns) trace.principal = entrance
      authorise(platform, entrance, row.action, turns.length)
      for (const { trace } of turns) trace.counted = true
      const results: (Result | Refusal)[] = []
      for (const turn of turns) {
        const context = contextOf(platform, turn, { db, principal: entrance, now, pending, first })
        results.push(await carryOut(name, context, turn, ahead, options))
      }
      return results
    },
  )
  for (const note of notes()) platform.auditTrail.committed(note)
  if (row.audit === 'batched' && options.audited !== false) {
    turns.forEach(({ call, trace }, index) => {
      const { principal } = trace
      if (!principal || outcomes[index] instanceof Refusal) return
      platform.auditTrail.later(auditOutcome(name, call, { ...trace, principal }, now))
    })
  }
  return outcomes
}

async function carryOut<Name extends OperationName, Result, Ahead>(
  name: Name,
  context: Context,
  { call, input, handler, trace }: Turn<Name, Result, Ahead>,
  ahead: Ahead,
  options: Options<Name, Ahead>,
): Promise<Result | Refusal> {
  const row = getOperation(name)
  const use = options.idempotency ?? wholeUse(row, call, input)
  const repeated = use && (await claimAnswer(context, row, use))
  if (repeated) return repeated.answer as Result
  const result = await handler(context, input, ahead)
  if (use) await keepAnswer(context, row, use, result)
  const isRefused = result instanceof Refusal
  if (!isRefused) trace.subject = subjectOf(trace.subject, result)
  if (row.audit === 'transaction' && options.audited !== false) {
    const { principal, now } = context
    trace.note = auditOutcome(name, call, { ...trace, principal }, now, isRefused ? result.problem : undefined)
  }
  return result
}

function contextOf(
  platform: Platform,
  { call, trace }: Pick<Turn<OperationName, unknown, unknown>, 'call' | 'trace'>,
  open: { db: Db; principal: Principal; now: Date; pending: Promise<unknown>[]; first: Promise<unknown>[] },
): Context {
  const { db, principal, now, pending, first } = open
  // Should the handler fail first, nobody waits for them any more.
  const keep = (list: Promise<unknown>[], work: Promise<unknown>) => {
    work.catch(() => undefined)
    list.push(work)
  }
  return {
    principal,
    tenantId: principal.tenantId,
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
      for (const each of sent) keep(pending, each)
    },
    beforeCommit: (work) => keep(first, work),
  }
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

function authorise(
  platform: Platform,
  principal: Principal,
  action: Parameters<typeof permits>[1],
  requests: number,
): void {
  const verdict = permits(principal, action)
  if (verdict !== 'yes') throw problemOf(verdict === 'forbidden' ? 'access.forbidden' : 'access.outOfScope', { action })
  const wait = platform.rateLimiter.take(principal, requests)
  if (wait > 0) throw new Problem('rate.limited', { retryAfterSeconds: wait })
}

function wholeUse(row: Operation, call: Call, input: unknown): Idempotency | undefined {
  if (call.idempotencyKey === undefined || !row.preconditions.includes('idempotencyKey')) return undefined
  return { key: call.idempotencyKey, identity: input, part: 'whole' }
}

/** What was made is the subject when the input named none. */
function subjectOf(named: readonly string[], result: unknown): readonly string[] {
  if (named.length > 0) return named
  const id = (result as { id?: unknown } | null | undefined)?.id
  return typeof id === 'string' ? [id] : []
}

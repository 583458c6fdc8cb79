import { createHash, randomBytes } from 'node:crypto'
import type { OperationName } from '@stowage/contract'
import type pg from 'pg'
import type { Logger } from 'pino'
import { canonical } from '../domain/canonical.ts'
import { newUuid, toId } from '../domain/id.ts'
import type { Principal } from '../domain/principal.ts'
import { Problem } from '../domain/problem.ts'
import { type Db, fixed, send } from './database/connect.ts'
import { transaction } from './database/transaction.ts'
import { enterSystem } from './enter.ts'

/** What happened, before it is written down. Holds ids; the personal part is `person`. */
export interface AuditNote {
  id: string
  tenantId: string
  at: Date
  action: string
  outcome: 'allowed' | 'refused' | 'failed'
  principalKind: string
  principalId: string | null
  subject: string | null
  requestId: string
  problem: string | null
  remarks: string[]
  person: { ip: string | null; userAgent: string | null }
}

export interface AuditTrail {
  /** Statements that write events in the caller's own transaction, sent without waiting. */
  write(db: Db, notes: readonly AuditNote[]): Promise<unknown>[]
  /** Tells that the transaction of `write` has committed: the caller's personal row need not be written again at once. */
  committed(note: AuditNote): void
  /** Writes an event in a transaction of its own: refusals, and whatever was rolled back. */
  writeAlone(note: AuditNote): Promise<void>
  /** Takes a read event, which is durable within a second. */
  later(note: AuditNote): void
  /** Writes what `later` took. */
  flush(): Promise<void>
  stop(): Promise<void>
}

interface CallFacts {
  requestId: string
  ip: string | null
  userAgent: string | null
}

export function auditOutcome(
  action: OperationName | `system.${string}`,
  call: CallFacts,
  act: {
    principal: Pick<Principal, 'kind' | 'id' | 'tenantId'>
    subject: readonly string[]
    remarks?: ReadonlySet<string>
  },
  at: Date,
  failure?: unknown,
): AuditNote {
  const { principal, subject } = act
  return {
    id: newUuid(),
    tenantId: principal.tenantId,
    at,
    action,
    outcome: failure === undefined ? 'allowed' : failure instanceof Problem ? 'refused' : 'failed',
    principalKind: principal.kind,
    principalId: principal.id,
    subject: subject.at(-1) ?? null,
    requestId: call.requestId,
    problem: failure === undefined ? null : failure instanceof Problem ? failure.code : 'internal.error',
    remarks: [...(act.remarks ?? [])].sort(),
    person: { ip: call.ip, userAgent: call.userAgent },
  }
}

/** Records what the service did by itself, in the caller's transaction. */
export async function auditOwnAct(
  trail: Pick<AuditTrail, 'write'>,
  db: Db,
  action: `system.${string}`,
  act: { tenantId: string; subject: readonly string[]; remarks?: ReadonlySet<string> },
  at: Date,
): Promise<void> {
  const { tenantId, ...about } = act
  const call = { requestId: toId('request', newUuid()), ip: null, userAgent: null }
  const note = auditOutcome(action, call, { ...about, principal: { kind: 'system', id: null, tenantId } }, at)
  await Promise.all(trail.write(db, [note]))
}

const FLUSH_EVERY_MS = 500
const MAX_WAITING = 50_000
const MAX_KNOWN_PERSONS = 10_000
/** How long a personal row that was written is trusted to be there. Trimming keeps the rows of the last minutes' callers. */
export const PERSON_TRUSTED_MS = 60_000

interface Person {
  id: string
  commitment: string
  salt: Buffer
  personal: string
  /** When its row was last sent, and when the last one that was sent had been committed. */
  sentAt: number
  writtenAt: number
}

/**
 * The writer of audit events. Personal values go to a row of their own under a random salt and the event's text holds
 * only their salted hash, so that erasing the row leaves the chain whole (R15). One such row serves a caller for as
 * long as this process remembers it.
 */
export function createAuditTrail(pool: pg.Pool, log: Logger): AuditTrail {
  const persons = new Map<string, Person>()
  let waiting: AuditNote[] = []
  let flushing: Promise<void> | undefined

  // A note keeps its person when others push that one out of `persons`.
  const ofNotes = new WeakMap<AuditNote, Person>()

  function personOf(note: AuditNote): Person {
    const person = ofNotes.get(note) ?? findPerson(note)
    ofNotes.set(note, person)
    return person
  }

  function findPerson(note: AuditNote): Person {
    const personal = canonical(note.person)
    const key = `${note.tenantId} ${note.principalId} ${personal}`
    const known = persons.get(key)
    if (known) return known
    const salt = randomBytes(16)
    const commitment = createHash('sha256').update(salt).update(personal).digest('hex')
    const never = Number.NEGATIVE_INFINITY
    const person = { id: newUuid(), commitment, salt, personal, sentAt: never, writtenAt: never }
    if (persons.size >= MAX_KNOWN_PERSONS) persons.delete(persons.keys().next().value as string)
    persons.set(key, person)
    return person
  }

  function write(db: Db, notes: readonly AuditNote[]): Promise<unknown>[] {
    return notes.length === 0 ? [] : insert(db, notes, personOf)
  }

  function committed(note: AuditNote): void {
    const person = personOf(note)
    person.writtenAt = person.sentAt
  }

  async function writeAll(notes: readonly AuditNote[]): Promise<void> {
    const byTenant = Map.groupBy(notes, (note) => note.tenantId)
    for (const [tenantId, ofTenant] of [...byTenant].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await transaction(
        pool,
        { enter: enterSystem(tenantId), last: (db) => insert(db, ofTenant, personOf) },
        async () => undefined,
      )
      for (const note of ofTenant) committed(note)
    }
  }

  async function flush(): Promise<void> {
    while (flushing) await flushing
    if (waiting.length === 0) return
    const taken = waiting
    waiting = []
    flushing = writeAll(taken)
      .catch((error) => {
        log.error({ err: error, events: taken.length }, 'read events could not be audited; trying again')
        waiting = [...taken, ...waiting]
      })
      .finally(() => {
        flushing = undefined
      })
    await flushing
  }

  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS)
  return {
    write,
    committed,
    writeAlone: (note) => writeAll([note]),
    later(note) {
      if (waiting.length >= MAX_WAITING) {
        log.error({ event: note.id, action: note.action }, 'a read event was dropped: the database does not keep up')
        return
      }
      waiting.push(note)
    },
    flush,
    async stop() {
      clearInterval(timer)
      await flush()
    },
  }
}

function isTrusted(person: Person): boolean {
  return Date.now() - person.writtenAt < PERSON_TRUSTED_MS
}

/**
 * One statement for all persons and one for all events, whatever their number; sorted, so that two writers never wait
 * for each other crosswise.
 */
function insert(db: Db, notes: readonly AuditNote[], personOf: (note: AuditNote) => Person): Promise<unknown>[] {
  const strangers = notes.filter((note) => !isTrusted(personOf(note)))
  const persons = new Map(strangers.map((note) => [personOf(note), note] as const))
  for (const person of persons.keys()) person.sentAt = Date.now()
  const personRows = [...persons].map(([person, note]) => ({
    tenant_id: note.tenantId,
    id: person.id,
    principal_id: note.principalId,
    salt: person.salt.toString('hex'),
    personal: person.personal,
  }))
  const eventRows = notes.map((note) => ({
    tenant_id: note.tenantId,
    id: note.id,
    at: note.at,
    action: note.action,
    outcome: note.outcome,
    principal_kind: note.principalKind,
    principal_id: note.principalId,
    subject: note.subject,
    request_id: note.requestId,
    body: eventBody(note, personOf(note)),
  }))
  const events = send(db, insertEvents(JSON.stringify(eventRows)))
  return personRows.length === 0 ? [events] : [send(db, insertPersons(JSON.stringify(personRows))), events]
}

const insertPersons = fixed(`insert into audit_person (tenant_id, id, principal_id, salt, personal)
  select tenant_id, id, principal_id, decode(salt, 'hex'), personal::jsonb
  from jsonb_to_recordset($1::jsonb) as row(tenant_id uuid, id uuid, principal_id uuid, salt text, personal text)
  order by tenant_id, id on conflict do nothing`)

const EVENT_COLUMNS = 'tenant_id, id, at, action, outcome, principal_kind, principal_id, subject, request_id, body'
const insertEvents = fixed(`insert into audit_event (${EVENT_COLUMNS}) select ${EVENT_COLUMNS}
  from jsonb_to_recordset($1::jsonb)
    as row(tenant_id uuid, id uuid, at timestamptz, action text, outcome text, principal_kind text, principal_id uuid,
      subject text, request_id text, body text)
  order by tenant_id, id`)

/** The canonical text of an event: what the chain covers. */
function eventBody(note: AuditNote, person: Person): string {
  return canonical({
    action: note.action,
    at: note.at.toISOString(),
    id: note.id,
    outcome: note.outcome,
    person: { commitment: person.commitment, id: person.id },
    principal: { id: note.principalId, kind: note.principalKind },
    problem: note.problem,
    remarks: note.remarks.length > 0 ? note.remarks : undefined,
    requestId: note.requestId,
    subject: note.subject,
    tenant: note.tenantId,
    version: 1,
  })
}

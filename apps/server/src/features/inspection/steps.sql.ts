import { type Selectable, sql } from 'kysely'
import type pg from 'pg'
import type { Db } from '../../platform/database/connect.ts'
import type { StepTable } from '../../platform/database/tables.ts'
import type { StoredCopy } from '../uploads/room.ts'

/** All SQL of the pipeline's steps. */

export type StepRow = Selectable<StepTable>

export interface VersionId {
  tenant_id: string
  asset_id: string
  n: number
}

export interface StepId extends VersionId {
  name: string
}

/** Which attempt a step is on: what ends it must name it. */
export type Claim = StepId & Pick<StepRow, 'attempts' | 'failures' | 'priority'>

/** Takes a step that is due, for so long; from then on this attempt alone may end it. */
export async function claimStep(db: Db, step: StepId, leaseSeconds: number): Promise<Claim | undefined> {
  const { rows } = await sql<Claim>`
    update step set state = 'running', attempts = attempts + 1, updated_at = now(),
      due_at = now() + make_interval(secs => ${leaseSeconds})
    where ${isOf(step)} and name = ${step.name}
      and state in ('waiting', 'running') and due_at <= now()
    returning tenant_id, asset_id, n, name, attempts, failures, priority`.execute(db)
  return rows[0]
}

/** A sign of life. False when another attempt has it, or the step is no more. */
export async function extendStep(db: Db, claim: Claim, leaseSeconds: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update step set due_at = now() + make_interval(secs => ${leaseSeconds}) where ${isMine(claim)}`.execute(db)
  return numAffectedRows === 1n
}

export interface StepEnd {
  state: 'waiting' | 'done' | 'skipped' | 'dead'
  reason: string | null
  durationMs: number
  failures?: number
  againInSeconds?: number
}

/** Ends an attempt. False when another attempt has it, or the step is no more: then nothing of this one may stand. */
export async function endStep(db: Db, claim: Claim, end: StepEnd): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update step set state = ${end.state}, reason = ${end.reason}, duration_ms = ${Math.round(end.durationMs)},
      failures = ${end.failures ?? claim.failures}, updated_at = now(),
      due_at = now() + make_interval(secs => ${end.againInSeconds ?? 0})
    where ${isMine(claim)}`.execute(db)
  return numAffectedRows === 1n
}

function isMine(claim: Claim) {
  return sql`${isOf(claim)} and name = ${claim.name} and state = 'running' and attempts = ${claim.attempts}`
}

/** The rows of one version, in a table that goes by `alias`. */
export function isOf({ tenant_id, asset_id, n }: VersionId, alias?: string) {
  const [tenant, asset, number] = ['tenant_id', 'asset_id', 'n'].map((name) =>
    alias === undefined ? sql.ref(name) : sql.ref(`${alias}.${name}`),
  )
  return sql<boolean>`${tenant} = ${tenant_id} and ${asset} = ${asset_id} and ${number} = ${n}`
}

/** Somebody waits for it. */
export const INTERACTIVE = 0
/** Behind everything that somebody waits for. */
export const BATCH = 2

/** Asks for a step, again if it was ended. One that waits or runs is left as it is, or hurried. */
export async function askStep(db: Db, step: StepId, priority: number): Promise<void> {
  await sql`insert into step as known (tenant_id, asset_id, n, name, state, priority)
    values (${step.tenant_id}, ${step.asset_id}, ${step.n}, ${step.name}, 'waiting', ${priority})
    on conflict (tenant_id, asset_id, n, name) do update
      set state = 'waiting', due_at = now(), failures = 0, priority = least(excluded.priority, known.priority), updated_at = now()
      where known.state in ('done', 'skipped', 'dead') or (known.state = 'waiting' and known.due_at > now())`.execute(
    db,
  )
}

export interface Selection {
  /** A slug. */
  organization: string | undefined
  mediaType: string | undefined
  /** Leaves out versions that are not current. */
  currentOnly: boolean
}

/** Asks for a step of many versions at once, behind everything that somebody waits for. Answers how many. */
export async function askSteps(db: Db, tenantId: string, name: string, selection: Selection): Promise<number> {
  const { organization = null, mediaType = null, currentOnly } = selection
  const { numAffectedRows } = await sql`
    insert into step as known (tenant_id, asset_id, n, name, state, priority)
    select v.tenant_id, v.asset_id, v.n, ${name}, 'waiting', ${BATCH}::smallint
    from version v
      join asset a on a.tenant_id = v.tenant_id and a.id = v.asset_id
      join organization o on o.tenant_id = v.tenant_id
    where v.tenant_id = ${tenantId} and (${organization}::text is null or o.slug = ${organization})
      and (${mediaType}::text is null or v.media_type = ${mediaType})
      and (${name} <> 'transcribe' or v.media_type ~ '^(audio|video)/')
      and (not ${currentOnly}::boolean or v.n = a.current_n)
    on conflict (tenant_id, asset_id, n, name) do update
      set state = 'waiting', due_at = now(), failures = 0, updated_at = now()
      where known.state in ('done', 'skipped', 'dead')`.execute(db)
  return Number(numAffectedRows ?? 0)
}

export async function findSteps(db: Db, of: VersionId): Promise<StepRow[]> {
  return db.selectFrom('step').selectAll().where(isOf(of)).orderBy('updated_at').execute()
}

/** How many steps wait, run, or were given up, in every organization. */
export async function countSteps(sweep: pg.Pool) {
  const text = 'select * from api.count_steps()'
  return (await sweep.query<{ name: string; state: string; count: number }>(text)).rows
}

/** Some bytes as the scanner sees them, and the best copy to read them from. */
export interface Content {
  sha256: Buffer
  size_bytes: number
  scan: string
  signatures: string | null
  copy: StoredCopy | null
}

/** A version as the pipeline sees it. */
export interface Inspected extends Content {
  name: string
  media_type: string
  charset: string | null
  /** Whether what it says was read. */
  is_read: boolean
}

type Joined<Facts> = Omit<Facts, 'copy'> & Omit<StoredCopy, 'id'> & { copy_id: string | null }

const OF_CONTENT = sql`v.sha256, v.size_bytes, v.scope, o.scan, o.signatures,
  c.id as copy_id, c.store_id, c.key, c.isolation, c.envelope, c.encrypted`
const CONTENT = sql`join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
  left join lateral (
    select copy.* from copy join placement p on p.tenant_id = copy.tenant_id and p.id = copy.placement_id
    where copy.tenant_id = v.tenant_id and copy.sha256 = v.sha256 and copy.scope = v.scope and copy.state = 'live'
    order by p.rank limit 1
  ) c on true`

export async function findInspected(db: Db, of: VersionId): Promise<Inspected | undefined> {
  const { rows } = await sql<Joined<Inspected>>`
    select v.name, v.media_type, v.charset, ${OF_CONTENT},
      exists (select from version_facts f where f.tenant_id = v.tenant_id and f.asset_id = v.asset_id and f.n = v.n) as is_read
    from version v ${CONTENT} where ${isOf(of, 'v')}`.execute(db)
  return rows[0] && withCopy<Inspected>(rows[0])
}

/** The files that callers have attached to a version. */
export async function findAttached(db: Db, of: VersionId): Promise<Content[]> {
  const { rows } = await sql<Joined<Content>>`
    select ${OF_CONTENT} from variant v ${CONTENT} where ${isOf(of, 'v')} and v.attached`.execute(db)
  return rows.map(withCopy<Content>)
}

function withCopy<Facts extends Content>(row: Joined<Facts>): Facts {
  const { copy_id: id, store_id, key, isolation, envelope, encrypted, scope, ...facts } = row
  const copy = id === null ? null : { id, scope, store_id, key, isolation, envelope, encrypted }
  return { ...facts, copy } as unknown as Facts
}

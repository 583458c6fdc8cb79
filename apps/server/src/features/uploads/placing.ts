import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type pg from 'pg'
import { toId } from '../../domain/id.ts'
import { dependsOn, isolationPrefix, type Layout, type NoKey, type Role, storeKey } from '../../domain/key-layout.ts'
import type { KeyValues } from '../../domain/key-template.ts'
import { Problem } from '../../domain/problem.ts'
import type { Db } from '../../platform/database/connect.ts'
import { transaction } from '../../platform/database/transaction.ts'
import { enterSystem } from '../../platform/enter.ts'
import { RECORDING } from './uploads.rules.ts'

/** The store in which small objects lie beside their rows. */
export const DATABASE_STORE = 'database'

/** Where new copies go: the store and the layout that the operator chose. */
export interface Destination {
  storeId: string
  layout: Layout
  /** A place that readers turn to last: one to fall back to, or for second copies. */
  reserve?: boolean
}

/** A place among an organization's placements, found or made once and remembered. */
export interface Placements {
  idOf(db: Db, tenantId: string, destination: Destination): Promise<string>
}

const MAX_KNOWN = 50_000

/**
 * A new placement ranks before the older ones, because readers prefer the copies that were asked for last; one of a
 * reserve ranks after them.
 */
export function createPlacements(systemPool: pg.Pool): Placements {
  const known = new Map<string, string>()
  return {
    async idOf(db, tenantId, { storeId, layout, reserve = false }) {
      const name = `${tenantId} ${storeId} ${layout.name} ${layout.isolation.scope}`
      const remembered = known.get(name)
      if (remembered) return remembered
      const wanted = { storeId, layoutName: layout.name, scopeKind: layout.isolation.scope, reserve }
      const id = (await findPlacement(db, tenantId, wanted)) ?? (await makePlacement(systemPool, tenantId, wanted))
      if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
      known.set(name, id)
      return id
    },
  }
}

interface Wanted {
  storeId: string
  layoutName: string
  scopeKind: 'organization' | 'user'
  reserve: boolean
}

async function findPlacement(db: Db, tenantId: string, wanted: Wanted): Promise<string | undefined> {
  const row = await db
    .selectFrom('placement')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('store_id', '=', wanted.storeId)
    .where('layout', '=', wanted.layoutName)
    .where('scope_kind', '=', wanted.scopeKind)
    .executeTakeFirst()
  return row?.id
}

/** Committed on its own, because other requests remember it before the one that made it ends. */
async function makePlacement(pool: pg.Pool, tenantId: string, wanted: Wanted): Promise<string> {
  return transaction(pool, { enter: enterSystem(tenantId) }, async (db) => {
    await db
      .insertInto('placement')
      .columns(['tenant_id', 'id', 'store_id', 'layout', 'scope_kind', 'rank'])
      .expression((query) =>
        query
          .selectFrom('placement')
          .where('tenant_id', '=', tenantId)
          .select(({ val }) => [
            val(tenantId).$castTo<string>().as('tenant_id'),
            val(randomUUID()).$castTo<string>().as('id'),
            val(wanted.storeId).as('store_id'),
            val(wanted.layoutName).as('layout'),
            val(wanted.scopeKind).as('scope_kind'),
            wanted.reserve
              ? sql<number>`coalesce(max(rank) + 1, 1000000)`.as('rank')
              : sql<number>`coalesce(min(rank) - 1, 1000000)`.as('rank'),
          ]),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return (await findPlacement(db, tenantId, wanted)) as string
  })
}

/** The isolation scope of a copy: the whole organization, or one user under a layout that keeps users apart. */
export function scopeOf(layout: Layout, ownerId: string | null): string {
  return layout.isolation.scope === 'user' ? `user/${ownerId ?? 'system'}` : 'organization'
}

export interface KeyFacts {
  organizationSlug: string
  assetType: string
  /** The name by which a layout that keeps users apart knows the owner. */
  owner: string
  assetId: string
  copyId: string
  n: number
  /** As the asset is called. */
  name: string
  extension: string | undefined
  /** The call that it is linked to. */
  callId?: string | undefined
  /** When it was made; of a recording, when that was said to be. */
  createdAt: Date
  /** Tells several files of a kind apart that are derived from one version. */
  suffix?: string
}

/** What an original is to its asset: recordings have a place of their own, where a layout gives them one. */
function roleOf({ assetType }: KeyFacts): Role {
  return assetType === RECORDING ? 'recording' : 'original'
}

/** Whether a key is made of the call alone, so that no two recordings of one can lie side by side. */
export function isKeyedByCall(layout: Layout, facts: KeyFacts): boolean {
  const { values } = dependsOn(layout, roleOf(facts))
  return values.includes('callId') && !values.includes('id')
}

/**
 * The key under which a new copy will lie.
 *
 * @throws Problem `request.invalid` when the layout needs a value that is not known or may not stand in a key
 */
export function keyFor(layout: Layout, facts: KeyFacts, role: Role = roleOf(facts)): string {
  const made = storeKey(layout, role, valuesOf(layout, facts))
  if ('key' in made) return made.key
  throw noKey(layout, made)
}

/** What the keys of this owner's copies begin with. @throws Problem `request.invalid` like `keyFor` */
export function prefixFor(layout: Layout, facts: KeyFacts): string {
  const made = isolationPrefix(layout, valuesOf(layout, facts))
  if ('prefix' in made) return made.prefix
  throw noKey(layout, made)
}

/** Before every key of bytes that wait to be checked; nothing else lies below it. */
export const STAGING = 'staging/'

/** What the keys of an organization's harmful copies begin with, out of reach of every layout. */
export function quarantinePrefix(organizationSlug: string): string {
  return `quarantine/${organizationSlug}/`
}

/** Under this name, below an upload's own prefix, lies what was sent straight to a store. */
export const CONTENT = 'content'

/** Whether a key is one of bytes that wait to be checked. */
export function isStaged(key: string): boolean {
  return key.startsWith(STAGING)
}

export function isSentStraight(key: string): boolean {
  return key.startsWith(STAGING) && key.endsWith(`/${CONTENT}`)
}

/** What the layout promises of an upload's staged keys: the same prefix as for its final one. */
export function withinOf(stagedPrefix: string): string {
  return stagedPrefix.slice(STAGING.length, stagedPrefix.lastIndexOf('/', stagedPrefix.length - 2) + 1)
}

function valuesOf(layout: Layout, facts: KeyFacts): KeyValues {
  const id = layout.keys === 'perObject' ? toId('copy', facts.copyId) : toId('asset', facts.assetId)
  return {
    org: facts.organizationSlug,
    customer: facts.organizationSlug,
    type: facts.assetType,
    user: facts.owner,
    id,
    version: facts.n,
    ext: facts.extension,
    callId: facts.callId,
    createdAt: facts.createdAt,
    n: 1,
    ...(facts.suffix !== undefined && { suffix: facts.suffix }),
  }
}

function noKey(layout: Layout, made: NoKey): Problem {
  const errors =
    'missing' in made
      ? made.missing.map((value) => ({ field: fieldOf(value), reason: `the key layout ${layout.name} needs ${value}` }))
      : made.refused.map(({ value, reason }) => ({ field: fieldOf(value), reason: `${value} ${reason}` }))
  return new Problem('request.invalid', { errors })
}

/** Where a caller says what a key is made of. */
function fieldOf(value: string): string {
  return value === 'callId' ? 'links.callId' : 'assetType'
}

import { isDeepStrictEqual } from 'node:util'
import type { IdKind } from '@stowage/contract'
import type pg from 'pg'
import { toId, toUuid } from '../../src/domain/id.ts'
import { hashSecret } from '../../src/features/tenants/room.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { type Actor, type Caller, isAtLeast, type Model, recognise, sees } from './model.ts'
import { reaches } from './upload-commands.ts'
import type { World } from './world.ts'

type KeyCaller = Caller & { kind: 'key' }

/** A table, what tells its rows apart, and the rows that the model lets somebody see. */
interface Sight {
  rows: string
  name: (row: { id: string; n: number }) => string
  wanted: (model: Model, actor: Actor) => Iterable<string>
}

const idOf = (kind: IdKind) => (row: { id: string }) => toId(kind, row.id)

const sights: Record<string, Sight> = {
  asset: {
    rows: 'select id from stowage.asset',
    name: idOf('asset'),
    wanted: (model, actor) => idsOf(model.assets, (asset) => sees(actor, asset)),
  },
  // Reached through an asset alone, so the organization is all that its policy says.
  version: {
    rows: 'select asset_id as id, n from stowage.version',
    name: (row) => `${toId('asset', row.id)} ${row.n}`,
    wanted: (model, actor) =>
      [...model.assets.values()]
        .filter(({ organizationId }) => organizationId === actor.organizationId)
        .flatMap(({ id, versions }) => [...versions.keys()].map((n) => `${id} ${n}`)),
  },
  organization: {
    rows: 'select tenant_id as id from stowage.organization',
    name: idOf('organization'),
    wanted: (model, actor) => idsOf(model.organizations, ({ id }) => actor.isPlatform || id === actor.organizationId),
  },
  member: {
    rows: 'select id from stowage.member',
    name: idOf('member'),
    wanted: (model, actor) => idsOf(model.members, (member) => member.id === actor.id || governs(actor, member)),
  },
  team: {
    rows: 'select id from stowage.team',
    name: idOf('team'),
    wanted: (model, actor) => idsOf(model.teams, (team) => governs(actor, team)),
  },
  api_key: {
    rows: 'select id from stowage.api_key',
    name: idOf('apiKey'),
    wanted: (model, actor) => idsOf(model.keys, (key) => governs(actor, key)),
  },
  credential: {
    rows: 'select distinct key_id as id from stowage.credential',
    name: idOf('apiKey'),
    wanted: (model, actor) => idsOf(model.keys, (key) => governs(actor, key)),
  },
  staged_upload: {
    rows: 'select id from stowage.staged_upload',
    name: idOf('upload'),
    wanted: (model, actor) => idsOf(model.uploads, (upload) => reaches(actor, upload)),
  },
  audit_event: {
    rows: `select case when request_id like 'request-%' then request_id else action || ' ' || coalesce(subject, '') end as id
      from stowage.audit_event`,
    name: (row) => row.id,
    wanted: (model, actor) => (isAtLeast(actor, 'admin') ? (model.trails.get(actor.organizationId) ?? []) : []),
  },
}

/** Where the rows that a principal's own transaction sees are not those of the model. */
export interface StrayRows {
  table: string
  caller: KeyCaller
  got: string[]
  wanted: string[]
}

/**
 * Enters the database as every key there is, alone and for every member, and reads whole tables with no condition at
 * all: what comes back is what the policies alone let through.
 */
export async function findStrayRows({ service, model }: World): Promise<StrayRows | undefined> {
  await service.app.platform.auditTrail.flush()
  return withClient(service.database.app, async (client) => {
    for (const caller of everyKey(model)) {
      const actor = recognise(model, caller, undefined)
      if (typeof actor === 'string') continue
      await client.query('begin read only')
      const stray = await compareTables(client, model, caller, actor)
      await client.query('rollback')
      if (stray) return stray
    }
    return undefined
  })
}

async function compareTables(
  client: pg.Client,
  model: Model,
  caller: KeyCaller,
  actor: Actor,
): Promise<StrayRows | undefined> {
  const { secret, organization = null, actFor } = caller
  await client.query('select api.enter($1, $2, $3)', [
    hashSecret(secret),
    organization,
    actFor === undefined ? null : toUuid(actFor),
  ])
  for (const [table, sight] of Object.entries(sights)) {
    const { rows } = await client.query(sight.rows)
    const got = rows.map(sight.name).sort()
    const wanted = [...sight.wanted(model, actor)].sort()
    if (!isDeepStrictEqual(got, wanted)) return { table, caller, got, wanted }
  }
  return undefined
}

function everyKey(model: Model): KeyCaller[] {
  const slugs = [...model.organizations.values()].map(({ slug }) => slug)
  return [...model.keys.values()].flatMap(({ id, secret, role, organizationId }) => {
    const alone = { kind: 'key', keyId: id, secret } as const
    if (role === 'platform') return slugs.map((organization) => ({ ...alone, organization }))
    const members = [...model.members.values()].filter((member) => member.organizationId === organizationId)
    return [alone, ...members.map((member) => ({ ...alone, actFor: member.id }))]
  })
}

function governs(actor: Actor, thing: { organizationId: string | null }): boolean {
  return thing.organizationId === actor.organizationId && isAtLeast(actor, 'admin')
}

function idsOf<T extends { id: string }>(all: Map<string, T>, isSeen: (thing: T) => boolean): string[] {
  return [...all.values()].filter(isSeen).map(({ id }) => id)
}

import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toUuid } from '../../src/domain/id.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { createPool, type Db } from '../../src/platform/database/connect.ts'
import { APP_ROLE, SWEEP_ROLE } from '../../src/platform/database/roles.ts'
import { NotCommitted, transaction } from '../../src/platform/database/transaction.ts'
import { enterSystem } from '../../src/platform/enter.ts'
import type { Asset, Key } from './model.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld()
})

afterAll(() => world.service.stop())

const asOwner = (text: string, values: unknown[] = []) =>
  withClient(world.service.database.owner, (client) => client.query(text, values))

/** Runs statements as requests do, for a principal of a rank that is already known, and rolls them back. */
async function asRequest<T>(tenant: string, me: string, rank: number, work: (client: pg.Client) => Promise<T>) {
  return withClient(world.service.database.app, async (client) => {
    await client.query('begin')
    await client.query('select api.settle($1, $2, $3, null, false)', [tenant, me, rank])
    try {
      return await work(client)
    } finally {
      await client.query('rollback')
    }
  })
}

function someAsset(is: (asset: Asset) => boolean): Asset {
  return [...world.model.assets.values()].find(is) as Asset
}

const RANKS = { editor: 2, admin: 3, service: 5 }
const REFUSED = /not yours|gives? an asset away|does not give|row-level security|permission denied/

describe('the database roles', () => {
  test('have no attribute that lifts a policy and are members of nothing', async () => {
    const { rows } = await asOwner(
      `select rolname, rolsuper, rolbypassrls, rolcreaterole, exists (select from pg_auth_members m where m.member = r.oid) as "isMember"
       from pg_roles r where rolname = any($1) order by rolname`,
      [[APP_ROLE, SWEEP_ROLE]],
    )
    const plain = { rolsuper: false, rolbypassrls: false, rolcreaterole: false, isMember: false }
    expect(rows).toEqual([APP_ROLE, SWEEP_ROLE].map((rolname) => ({ rolname, ...plain })))
  })

  test('own no table and no function', async () => {
    const { rows } = await asOwner(
      `select relname as name from pg_class where relowner = any($1::regrole[])
       union all select proname from pg_proc where proowner = any($1::regrole[])`,
      [[APP_ROLE, SWEEP_ROLE]],
    )
    expect(rows).toEqual([])
  })

  test('the sweeper reads no table', async () => {
    await withClient(world.service.database.sweep, async (client) => {
      await expect(client.query('select from stowage.asset')).rejects.toThrow('permission denied')
    })
    const { rows } = await asOwner(
      `select relname from pg_class where relnamespace = 'stowage'::regnamespace and relkind in ('r', 'p', 'v', 'm')
       and (has_any_column_privilege($1, oid, 'select, insert, update') or has_table_privilege($1, oid, 'delete, truncate'))`,
      [SWEEP_ROLE],
    )
    expect(rows).toEqual([])
  })
})

describe('every table', () => {
  /** Found by its hash before the organization is known, and the service's own. */
  const WITHOUT_TENANT = ['credential', 'migration', 'node', 'pack', 'platform_secret']

  test('that requests may touch has row-level security enabled and forced', async () => {
    const { rows } = await asOwner(
      `select relname from pg_class where relnamespace = 'stowage'::regnamespace and relkind in ('r', 'p')
       and not (relrowsecurity and relforcerowsecurity)
       and (has_any_column_privilege($1, oid, 'select, insert, update') or has_table_privilege($1, oid, 'delete, truncate'))`,
      [APP_ROLE],
    )
    expect(rows).toEqual([])
  })

  test('of an organization has tenant_id first in its primary key', async () => {
    const { rows } = await asOwner(
      `select c.relname from pg_class c left join pg_index i on i.indrelid = c.oid and i.indisprimary
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where c.relnamespace = 'stowage'::regnamespace and c.relkind in ('r', 'p')
         and a.attname is distinct from 'tenant_id' order by 1`,
    )
    expect(rows.map(({ relname }) => relname)).toEqual(WITHOUT_TENANT)
  })
})

describe('a transaction that nobody has entered', () => {
  test('sees nothing, also on a connection that somebody entered before', async () => {
    const { organizationId } = someAsset(() => true)
    await withClient(world.service.database.app, async (client) => {
      const count = async () => (await client.query('select count(*)::int as n from stowage.asset')).rows[0].n
      expect(await count()).toBe(0)
      await client.query('begin')
      await client.query('select api.settle($1, null, 4, null, false)', [toUuid(organizationId)])
      expect(await count()).toBeGreaterThan(0)
      await client.query('commit')
      // A local setting reads as an empty text afterwards, which is no UUID and no number.
      expect(await count()).toBe(0)
      expect(
        (await client.query('select api.tenant(), api.me(), api.rank(), api.only(), api.platform()')).rows,
      ).toEqual([{ tenant: null, me: null, rank: 0, only: null, platform: false }])
    })
  })
})

describe('a transaction that somebody has entered', () => {
  test('ends by itself when a statement, or the wait for the next one, takes too long', async () => {
    const { organizationId } = someAsset(() => true)
    const limits = await asRequest(toUuid(organizationId), toUuid(organizationId), RANKS.admin, (client) =>
      client.query(`select name, setting::int as ms from pg_settings
        where name in ('statement_timeout', 'idle_in_transaction_session_timeout') and setting::int > 0 order by name`),
    )
    expect(limits.rows.map(({ name }) => name)).toEqual(['idle_in_transaction_session_timeout', 'statement_timeout'])
  })
})

describe('a signed URL that was entered', () => {
  test('sees its one asset, whatever its maker sees, and may read alone', async () => {
    const maker = [...world.model.keys.values()].find(
      (key) => key.role === 'owner' && !key.revoked && !key.expired,
    ) as Key
    const asset = someAsset(({ organizationId }) => organizationId === maker.organizationId)
    await withClient(world.service.database.app, async (client) => {
      await client.query('begin')
      const entered = await client.query('select outcome, scopes from api.enter_signed($1, $2, $3, $4, $5)', [
        toUuid(asset.organizationId),
        toUuid(asset.id),
        'apiKey',
        toUuid(maker.id),
        asset.urlEpoch,
      ])
      expect(entered.rows).toEqual([{ outcome: 'ok', scopes: ['assets.read'] }])
      expect((await client.query('select id from stowage.asset')).rows).toEqual([{ id: toUuid(asset.id) }])
      await client.query('rollback')
    })
  })
})

describe('a staged upload that was entered', () => {
  test('may upload alone, whatever its maker may', async () => {
    const { json } = await world.service.call('/v1/uploads', { body: { name: 'a.txt', sizeBytes: 10 } })
    const { rows } = await asOwner('select tenant_id, id, scopes from stowage.staged_upload where id = $1', [
      toUuid(json.id),
    ])
    expect(rows[0].scopes).toBeNull()
    const entered = await withClient(world.service.database.app, (client) =>
      client.query('select outcome, scopes from api.enter_upload($1, $2)', [rows[0].tenant_id, rows[0].id]),
    )
    expect(entered.rows).toEqual([{ outcome: 'ok', scopes: ['assets.create', 'assets.edit'] }])
  })
})

describe('an editor who changes rows directly', () => {
  let mine: Asset
  let others: Asset

  beforeEach(() => {
    mine = someAsset((asset) => asset.ownerId?.startsWith('key_') === true && asset.visibility === 'private')
    others = someAsset(
      (asset) =>
        asset.organizationId === mine.organizationId && asset.ownerId === null && asset.visibility === 'organization',
    )
  })

  const update = (asset: () => Asset, change: string) =>
    asRequest(toUuid(mine.organizationId), toUuid(mine.ownerId as string), RANKS.editor, (client) =>
      client.query(`update stowage.asset set ${change} where id = $1`, [toUuid(asset().id)]),
    )

  test.each([
    ['publishes their own asset', () => mine, 'visibility = 2'],
    ['gives their own asset away', () => mine, 'owner_id = gen_random_uuid()'],
    ['takes an asset', () => others, `owner_id = api.me(), owner_kind = 'apiKey'`],
    ["hides another's asset", () => others, 'visibility = 0'],
    ["trashes another's asset", () => others, `state = 'trashed', trashed_at = now()`],
    ["lets another's asset expire", () => others, 'expires_at = now()'],
    ["revokes another's links", () => others, 'url_epoch = url_epoch + 1'],
    ['moves an asset to another organization', () => mine, 'tenant_id = gen_random_uuid()'],
  ] as const)('is refused when one %s', async (_title, asset, change) => {
    await expect(update(asset, change)).rejects.toThrow(REFUSED)
  })

  test('may rename both', async () => {
    for (const asset of [mine, others]) expect((await update(() => asset, `name = 'new'`)).rowCount).toBe(1)
  })

  test("makes no asset in another's name", async () => {
    const columns = `asset_type, visibility, current_n, last_n, media_type, size_bytes, sha256, scan, created_at, updated_at`
    const copyFor = (owner: string) =>
      asRequest(toUuid(mine.organizationId), toUuid(mine.ownerId as string), RANKS.editor, (client) =>
        client.query(
          `insert into stowage.asset (tenant_id, id, name, owner_id, owner_kind, ${columns})
           select tenant_id, gen_random_uuid(), 'new', ${owner}, 'apiKey', ${columns} from stowage.asset where id = $1`,
          [toUuid(mine.id)],
        ),
      )
    expect((await copyFor('owner_id')).rowCount).toBe(1)
    await expect(copyFor('gen_random_uuid()')).rejects.toThrow(REFUSED)
  })

  test("deletes nothing of another's", async () => {
    const deleted = await asRequest(
      toUuid(mine.organizationId),
      toUuid(mine.ownerId as string),
      RANKS.editor,
      (client) => client.query('delete from stowage.asset where id = $1', [toUuid(others.id)]),
    )
    expect(deleted.rowCount).toBe(0)
  })
})

describe('audit events', () => {
  const tenant = () => toUuid([...world.model.organizations.keys()][0] as string)
  const attempt = (rank: number, statement: string) =>
    asRequest(tenant(), tenant(), rank, (client) => client.query(statement))

  test('are changed by nobody', async () => {
    for (const rank of Object.values(RANKS))
      await expect(attempt(rank, `update stowage.audit_event set body = '{}'`)).rejects.toThrow('permission denied')
  })

  test('are put into a batch by the service alone', async () => {
    expect((await attempt(RANKS.admin, 'update stowage.audit_event set batch = 1')).rowCount).toBe(0)
    expect((await attempt(RANKS.service, 'update stowage.audit_event set batch = 1')).rowCount).toBeGreaterThan(0)
  })

  test('are deleted by no member, and by the service only once they are sealed', async () => {
    for (const rank of Object.values(RANKS))
      expect((await attempt(rank, 'delete from stowage.audit_event')).rowCount).toBe(0)
  })
})

describe('a change that cannot be audited', () => {
  test('is not made', async () => {
    await asOwner(`create function stowage.refuse() returns trigger language plpgsql as $$ begin raise 'no more events'; end $$;
      create trigger refuse before insert on stowage.audit_event for each row execute function stowage.refuse()`)
    const names = [`small-${Date.now()}.txt`, `large-${Date.now()}.txt`]
    const bodies = [Buffer.from('unaudited'), Buffer.from('unaudited '.repeat(100))]
    for (const [index, name] of names.entries()) {
      const answer = await world.service.call(`/v1/assets?name=${name}`, {
        body: bodies[index] as Buffer,
        headers: { 'content-type': 'text/plain' },
      })
      expect(answer.status).toBe(500)
    }
    await asOwner('drop trigger refuse on stowage.audit_event')
    expect((await asOwner('select name from stowage.asset where name = any($1)', [names])).rows).toEqual([])
  })

  test('is not reported as made when an error before COMMIT was swallowed', async () => {
    const pool = createPool(world.service.database.app, 1, () => {})
    const tenant = toUuid([...world.model.organizations.keys()][0] as string)
    const swallowing = async (db: Db) => {
      await db
        .selectFrom('asset')
        .select('no_such_column' as never)
        .execute()
        .catch(() => {})
    }
    await expect(transaction(pool, { enter: enterSystem(tenant) }, swallowing)).rejects.toThrow(NotCommitted)
    await pool.end()
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { installedMajors, startInstalled } from '../../../test/installed-postgres.ts'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'
import { startEmbedded } from './embedded.ts'
import { ensureRoles } from './roles.ts'

const PASSWORDS = { app: 'app-password', sweep: 'sweep-password' }

async function startOwn(): Promise<{ connection: Connection; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'stowage-roles-'))
  const log = { info: () => {}, warn: () => {} }
  const server = await startEmbedded({ directory: join(directory, 'database'), log, settings: { fsync: 'off' } })
  const stop = async () => {
    await server.stop()
    for (const folder of [directory, server.connection.host]) rmSync(folder, { recursive: true, force: true })
  }
  return { connection: server.connection, stop }
}

/** Roles belong to a whole server, so these rules need servers of their own. */
const servers = [
  { version: 'the embedded PostgreSQL', start: startOwn },
  ...installedMajors.map((major) => ({ version: `PostgreSQL ${major}`, start: () => startInstalled(major) })),
]

describe.each(servers)('ensureRoles on $version', ({ start }) => {
  let admin: Connection
  let stop: () => Promise<void>

  beforeAll(async () => {
    const server = await start()
    admin = server.connection
    stop = server.stop
    await ask(`CREATE ROLE plain LOGIN CREATEROLE PASSWORD 'plain'`)
    await ask(`CREATE ROLE humble LOGIN PASSWORD 'humble'`)
    await ask('CREATE DATABASE files OWNER plain')
  })

  afterAll(() => stop())

  beforeEach(() => ask('DROP ROLE IF EXISTS stowage_app, stowage_sweep'))

  const superuser = () => ({ ...admin, database: 'files' })
  const plain = () => ({ ...admin, user: 'plain', password: 'plain', database: 'files' })
  const humble = () => ({ ...admin, user: 'humble', password: 'humble', database: 'files' })

  const ask = (sql: string, connection: Connection = admin): Promise<unknown[][]> =>
    withClient(connection, async (client) => (await client.query({ text: sql, rowMode: 'array' })).rows)

  const logIn = (user: string, password: string) =>
    ask('SELECT current_user', { ...admin, user, password, database: 'files' })

  const verifiers = () => ask(`SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'stowage\\__%' ORDER BY rolname`)

  test('makes two roles that log in, lift no policy and are members of nothing', async () => {
    await ensureRoles(plain(), PASSWORDS)
    expect(await logIn('stowage_app', PASSWORDS.app)).toEqual([['stowage_app']])
    expect(await logIn('stowage_sweep', PASSWORDS.sweep)).toEqual([['stowage_sweep']])
    const flags = `SELECT rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
      (SELECT count(*)::int FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r
      WHERE rolname IN ('stowage_app', 'stowage_sweep')`
    expect(await ask(flags)).toEqual([
      [false, 0],
      [false, 0],
    ])
  })

  test('leaves roles that are right alone, also for an owner who may not create any', async () => {
    await ensureRoles(plain(), PASSWORDS)
    const before = await verifiers()
    await ensureRoles(humble(), PASSWORDS)
    expect(await verifiers()).toEqual(before)
  })

  test('sets the password when the one given is refused', async () => {
    await ensureRoles(plain(), PASSWORDS)
    await ensureRoles(plain(), { ...PASSWORDS, app: 'another' })
    expect(await logIn('stowage_app', 'another')).toEqual([['stowage_app']])
    await expect(logIn('stowage_app', PASSWORDS.app)).rejects.toThrow(/password authentication failed/)
  })

  test('takes away attributes and memberships that lift policies', async () => {
    await ask('CREATE ROLE stowage_app NOLOGIN BYPASSRLS CREATEDB')
    await ask('GRANT plain TO stowage_app')
    await ensureRoles(superuser(), PASSWORDS)
    expect(
      await ask(
        `SELECT rolcanlogin, rolbypassrls, rolcreatedb, rolinherit FROM pg_roles WHERE rolname = 'stowage_app'`,
      ),
    ).toEqual([[true, false, false, false]])
    expect(await ask(`SELECT FROM pg_auth_members WHERE member = 'stowage_app'::regrole`)).toEqual([])
  })

  test('names the statements for an administrator, which then suffice and hold no password', async () => {
    const refusal = await ensureRoles(humble(), PASSWORDS).catch((error: Error) => error.message)
    expect(refusal).toContain('CREATE ROLE stowage_app LOGIN')
    expect(refusal).toContain('CREATE ROLE stowage_sweep LOGIN')
    expect(refusal).not.toContain('-password')
    await ask(String(refusal).split('must run:\n')[1]!)
    await ensureRoles(humble(), PASSWORDS)
    expect(await logIn('stowage_app', PASSWORDS.app)).toEqual([['stowage_app']])
  })

  test('names the statement for a password that the owner may not set', async () => {
    await ensureRoles(superuser(), PASSWORDS)
    const changed = { ...PASSWORDS, sweep: 'another' }
    const refusal = await ensureRoles(humble(), changed).catch((error: Error) => error.message)
    expect(refusal).toMatch(/must run:\n {2}ALTER ROLE stowage_sweep PASSWORD 'SCRAM-SHA-256\$[^\n]*;$/)
    await ask(String(refusal).split('must run:\n')[1]!)
    await ensureRoles(humble(), changed)
  })

  test('lets several nodes start at the same time, also of two databases', async () => {
    const owners = [plain(), plain(), superuser(), { ...plain(), database: 'postgres' }]
    await Promise.all(owners.map((owner) => ensureRoles(owner, PASSWORDS)))
    expect(await logIn('stowage_app', PASSWORDS.app)).toEqual([['stowage_app']])
  })
})

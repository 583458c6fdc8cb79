import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isThorough, times } from '../../../test/effort.ts'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'
import { type EmbeddedServer, startEmbedded } from './embedded.ts'

const isRoot = process.getuid?.() === 0
const silent = { info: () => {}, warn: () => {} }
/** Listed on every system; and one that is listed on none. */
const ORDINARY_UID = 1
const UNLISTED_UID = 54_321

let seeded: string
let parent: string
let directory: string
let running: EmbeddedServer[]
let children: ChildProcess[]

beforeAll(async () => {
  seeded = mkdtempSync(join(tmpdir(), 'stowage-seed-'))
  chmodSync(seeded, 0o755)
  const { stop } = await startEmbedded({ directory: join(seeded, 'database'), log: silent })
  await stop()
})

afterAll(() => rmSync(seeded, { recursive: true }))

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'stowage-embedded-'))
  chmodSync(parent, 0o755)
  directory = join(parent, 'database')
  running = []
  children = []
})

afterEach(async () => {
  for (const server of running) {
    await server.stop()
    rmSync(server.connection.host, { recursive: true, force: true })
  }
  for (const child of children) child.stdin?.end()
  await Promise.all(children.map(endOf))
  await removeParent()
})

/** The server of a killed process may still be on its way down. */
async function removeParent(): Promise<void> {
  rmSync(parent, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 })
}

async function start(at = directory): Promise<EmbeddedServer> {
  const server = await startEmbedded({ directory: at, log: silent })
  running.push(server)
  return server
}

/** Puts a database in place that was started and stopped before; making each anew would take most of the time. */
function seed(): void {
  expect(spawnSync('cp', ['-a', join(seeded, 'database'), directory]).status).toBe(0)
}

const cluster = () => join(directory, 'cluster')

const ask = async (connection: Connection, sql: string): Promise<unknown> =>
  withClient(connection, async (client) => {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  })

type Said = { pid?: number; connection?: Connection; error?: string; exit?: string }

/** Another Stowage, in a process that can be killed. */
function another(at = directory, uid?: number, command: string[] = []) {
  const [program, ...args] = [
    ...command,
    process.execPath,
    join(import.meta.dirname, '../../../test/embedded-process.ts'),
    at,
  ]
  const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'], ...(uid && { uid, gid: uid }), cwd: '/' })
  children.push(child)
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  const next = async (): Promise<Said> => JSON.parse((await lines.next()).value ?? '{}')
  return { child, next }
}

const endOf = (child: ChildProcess) =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise<void>((resolve) => child.once('exit', () => resolve()))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('startEmbedded', () => {
  test('listens on a socket in a private folder only, and asks everybody for the password', async () => {
    seed()
    const { connection } = await start()
    expect(await ask(connection, 'SHOW listen_addresses')).toBe('')
    expect(await ask(connection, 'SHOW fsync')).toBe('on')
    expect(statSync(connection.host).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600)
    for (const database of ['stowage', 'postgres', 'template1'])
      await expect(ask({ ...connection, database, password: 'guess' }, 'SELECT 1')).rejects.toThrow(
        /authentication failed/,
      )
    const hba = await ask(connection, 'SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules')
    expect(hba).toEqual(['scram-sha-256'])
  })

  test('finds everything again after a stop', async () => {
    seed()
    const first = await start()
    await ask(first.connection, 'CREATE TABLE kept AS SELECT 42 AS value')
    await first.stop()
    expect(isAlive(first.pid)).toBe(false)
    const second = await start()
    expect(second.connection).toEqual(first.connection)
    expect(await ask(second.connection, 'SELECT value FROM kept')).toBe(42)
  })

  test('can be started after a first start was killed at any moment', async () => {
    for (const delayMs of [60, 250, 500, 900, 150, 350, 700, 1100].slice(0, times(4, 8))) {
      const { child } = another()
      await pause(delayMs)
      child.kill('SIGKILL')
      await endOf(child)
    }
    const { connection } = await start()
    expect(await ask(connection, 'SELECT current_database()')).toBe('stowage')
    expect(readdirSync(directory).filter((name) => /^(initializing-|password\.|binaries-.*-new)/.test(name))).toEqual(
      [],
    )
  })

  test('ends with its process, also by kill -9, and keeps every acknowledged row', async () => {
    seed()
    const { child, next } = another()
    const { pid, connection } = await next()
    await ask(connection!, 'CREATE TABLE kept (n int)')
    let acknowledged = 0
    const writing = withClient(connection!, async (client) => {
      for (;;) {
        await client.query('INSERT INTO kept VALUES ($1)', [acknowledged + 1])
        acknowledged += 1
        if (acknowledged === 200) child.kill('SIGKILL')
      }
    })
    await expect(writing).rejects.toThrow()
    const again = await start()
    expect(isAlive(pid!)).toBe(false)
    expect(Number(await ask(again.connection, 'SELECT count(*) FROM kept'))).toBeGreaterThanOrEqual(acknowledged)
  })

  test('reports that the server was killed, and can be started again', async () => {
    seed()
    const { next } = another()
    const { pid } = await next()
    process.kill(pid!, 'SIGKILL')
    expect((await next()).exit).toMatch(/ended by itself \(status 137\)/)
    await start()
  })

  test('lets one of two first starts win and tells the other whom it met', async () => {
    const said = await Promise.all([another().next(), another().next()])
    const winner = said.find(({ pid }) => pid !== undefined)
    const loser = said.find(({ error }) => error !== undefined)
    expect(loser?.error).toBe(
      `Another Stowage uses this data folder (pid ${winner?.pid} runs the database in ${cluster()}).`,
    )
    expect(await ask(winner!.connection!, 'SELECT 1')).toBe(1)
  })

  test.skipIf(!isThorough)('survives locks of a power cut whose number now belongs to another process', async () => {
    seed()
    const { uid, gid } = statSync(cluster())
    const bystander = spawn('/bin/sleep', ['60'], { ...(isRoot && { uid, gid }), cwd: '/' })
    for (const lock of [join(cluster(), 'postmaster.pid'), join(directory, 'socket/.s.PGSQL.5432.lock')]) {
      writeFileSync(lock, `${bystander.pid}\n${cluster()}\n1700000000\n5432\n\n\n\nready   \n`)
      chownSync(lock, uid, gid)
    }
    await start()
    bystander.kill()
  })

  test('survives an empty lock', async () => {
    seed()
    writeFileSync(join(cluster(), 'postmaster.pid'), '')
    await start()
  })

  test.skipIf(!isThorough)('refuses the data of another major version', async () => {
    seed()
    writeFileSync(join(cluster(), 'PG_VERSION'), '17\n')
    await expect(start()).rejects.toThrow(/made by PostgreSQL 17, this Stowage brings PostgreSQL 18/)
  })

  test.skipIf(!isThorough)('refuses a database whose password is gone', async () => {
    seed()
    rmSync(join(directory, 'password'))
    await expect(start()).rejects.toThrow(/password is missing/)
  })

  test.skipIf(!isThorough)('says what the server said when it does not start', async () => {
    seed()
    appendFileSync(join(cluster(), 'postgresql.conf'), 'nonsense = 1\n')
    await expect(start()).rejects.toThrow(/did not start: .*nonsense/s)
  })

  test.skipIf(!isThorough)('makes a damaged copy of the programs anew', async () => {
    seed()
    const copy = readdirSync(directory).find((name) => name.startsWith('binaries-'))!
    truncateSync(join(directory, copy, 'bin/postgres'), 0)
    mkdirSync(join(directory, 'binaries-17.0.0'))
    await start()
    expect(readdirSync(directory).filter((name) => name.startsWith('binaries-'))).toEqual([copy])
  })

  test.skipIf(!isThorough)('begins its log anew when it has grown large', async () => {
    seed()
    truncateSync(join(directory, 'postgres.log'), 17 * 1024 * 1024)
    await start()
    expect(statSync(join(directory, 'postgres.log')).size).toBeLessThan(1024 * 1024)
  })

  test('keeps rows and statements out of its log', async () => {
    seed()
    const { connection } = await start()
    await ask(connection, 'CREATE TABLE person (mail text PRIMARY KEY)')
    const twice = `INSERT INTO person VALUES ('ann@example.org'), ('ann@example.org')`
    await expect(ask(connection, twice)).rejects.toThrow(/duplicate key/)
    expect(readFileSync(join(directory, 'postgres.log'), 'utf8')).not.toContain('ann@')
  })

  test.skipIf(!isThorough)('puts the socket elsewhere when the path is too long for one', async () => {
    const long = join(parent, 'a-folder-with-a-long-name'.repeat(5))
    const { connection } = await start(long)
    expect(connection.host.startsWith(parent)).toBe(false)
    expect(statSync(connection.host).mode & 0o777).toBe(0o700)
    expect(await ask(connection, 'SELECT 1')).toBe(1)
  })
})

describe.runIf(isRoot)('startEmbedded as root', () => {
  const ownerOf = (pid: number) => statSync(`/proc/${pid}`).uid

  test('runs the server as another user', async () => {
    seed()
    const { pid } = await start()
    expect(ownerOf(pid)).toBe(65_534)
  })

  test.skipIf(!isThorough)('works under a folder that only root may enter', async () => {
    seed()
    chmodSync(parent, 0o700)
    const first = await start()
    await ask(first.connection, 'CREATE TABLE kept AS SELECT 42 AS value')
    await ask(first.connection, 'CREATE EXTENSION pg_trgm')
    await expect(startEmbedded({ directory, log: silent })).rejects.toThrow(/Another Stowage uses this data folder/)
    await first.stop()
    const moved = join(parent, 'moved')
    renameSync(directory, moved)
    const second = await start(moved)
    expect(ownerOf(second.pid)).toBe(65_534)
    expect(await ask(second.connection, 'SELECT value FROM kept')).toBe(42)
  })

  test.skipIf(!isThorough)('takes a private folder for the socket only when nobody else made it', async () => {
    const long = join(parent, 'a-folder-with-a-long-name'.repeat(5))
    const first = await start(long)
    await first.stop()
    rmSync(first.connection.host, { recursive: true })
    mkdirSync(first.connection.host)
    chownSync(first.connection.host, ORDINARY_UID, ORDINARY_UID)
    await expect(start(long)).rejects.toThrow(/is not a folder of uid 65534/)
    rmSync(first.connection.host, { recursive: true })
  })

  test.skipIf(!isThorough)('takes over a cluster that a restore left with root', async () => {
    seed()
    spawnSync('chown', ['-R', '0:0', cluster()])
    const { connection } = await start()
    expect(await ask(connection, 'SELECT 1')).toBe(1)
    expect(statSync(join(cluster(), 'base')).uid).toBe(65_534)
  })

  test.skipIf(!isThorough)('leaves the database of an ordinary user with that user', async () => {
    chownSync(parent, ORDINARY_UID, ORDINARY_UID)
    const ordinary = another(directory, ORDINARY_UID)
    const said = await ordinary.next()
    expect(ownerOf(said.pid!)).toBe(ORDINARY_UID)
    expect(await ask(said.connection!, 'SELECT 1')).toBe(1)
    ordinary.child.stdin!.end()
    await endOf(ordinary.child)

    const asRoot = await start()
    expect(ownerOf(asRoot.pid)).toBe(ORDINARY_UID)
    await asRoot.stop()
    expect((await another(directory, ORDINARY_UID).next()).error).toBeUndefined()
  })

  test.skipIf(!isThorough)('refuses, for an ordinary user, the database that root made', async () => {
    seed()
    chownSync(directory, ORDINARY_UID, ORDINARY_UID)
    chownSync(join(directory, 'postgres.log'), ORDINARY_UID, ORDINARY_UID)
    expect((await another(directory, ORDINARY_UID).next()).error).toMatch(
      /belongs to uid 65534, Stowage runs as uid 1\./,
    )
  })

  test.skipIf(!isThorough)('says so when the user of a first start has no name', async () => {
    chownSync(parent, UNLISTED_UID, UNLISTED_UID)
    expect((await another(directory, UNLISTED_UID).next()).error).toMatch(/uid 54321 to be listed in \/etc\/passwd/)
  })

  test.runIf(existsSync('/usr/bin/setpriv'))('says so when root may not change its user', async () => {
    const bound = ['/usr/bin/setpriv', '--bounding-set=-setuid,-setgid', '--inh-caps=-setuid,-setgid']
    expect((await another(directory, undefined, bound).next()).error).toMatch(
      /without the right to hand the embedded database to uid 65534.*DATABASE_URL/,
    )
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import type { Connection } from '../src/platform/database/connect.ts'
import { startEmbedded } from '../src/platform/database/embedded.ts'
import { FIRST_START } from './data-folder.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The maintenance database of the run's server, as a role that may create databases and roles. */
    testServer: Connection
  }
}

/**
 * One database server for a test run: the one named by STOWAGE_TEST_DATABASE_URL, or an embedded one that syncs nothing.
 * And one folder for what makes the start of another server shorter: compiled code, and the data of a first start.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = mkdtempSync(join(tmpdir(), 'stowage-shared-'))
  process.env['NODE_COMPILE_CACHE'] = join(shared, 'compiled')
  process.env[FIRST_START] = shared
  const stopDatabase = await provideDatabase(project)
  return async () => {
    await stopDatabase()
    rmSync(shared, { recursive: true, force: true })
  }
}

async function provideDatabase(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['STOWAGE_TEST_DATABASE_URL']
  if (given !== undefined && given !== '') {
    project.provide('testServer', connectionOf(new URL(given)))
    return async () => {}
  }
  const directory = mkdtempSync(join(tmpdir(), 'stowage-test-'))
  const { connection, stop } = await startEmbedded({
    directory: join(directory, 'database'),
    log: { info: () => {}, warn: console.warn },
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  })
  project.provide('testServer', { ...connection, database: 'postgres' })
  return async () => {
    await stop()
    for (const folder of [directory, connection.host]) rmSync(folder, { recursive: true, force: true })
  }
}

function connectionOf(url: URL): Connection {
  const [host, user, password] = [url.hostname, url.username, url.password].map(decodeURIComponent) as [
    string,
    string,
    string,
  ]
  return { host, port: Number(url.port || 5432), user, password, database: url.pathname.slice(1) || 'postgres' }
}

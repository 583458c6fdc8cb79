import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDefaults } from '../src/foundation.ts'
import { withClient } from '../src/platform/database/client.ts'
import { openSecretKeys } from '../src/platform/secrets.ts'
import { masterKeysFromValue } from '../src/providers/keys/local-keys.ts'
import type { MasterKeys } from '../src/providers/keys/port.ts'
import { configFor, openService, type Service } from './service.ts'
import { createTestDatabase, type TestDatabase } from './test-database.ts'

export interface TestService extends Service {
  database: TestDatabase
  /** The folder in which its bytes lie. */
  data: string
}

export interface TestServiceOptions {
  settings?: Record<string, string>
  masterKeys?: MasterKeys
  clock?: () => Date
}

/** The service on a test database and a folder of its own. `stop` removes both. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = await createTestDatabase()
  const data = await mkdtemp(join(tmpdir(), 'stowage-service-'))
  const adminKey = randomBytes(24).toString('base64url')
  const masterKeys = options.masterKeys ?? masterKeysFromValue(`test:${randomBytes(32).toString('base64')}`)
  const signing = await withClient(database.owner, async (client) => {
    await makeDefaults(client, adminKey)
    return {
      urlSigning: await openSecretKeys(client, masterKeys, 'urlSigning'),
      auditSigning: await openSecretKeys(client, masterKeys, 'auditSigning'),
    }
  })
  const { owner, app, sweep } = database
  const foundation = { owner, app, sweep, masterKeys, ...signing, stop: async () => {} }
  const service = await openService(foundation, adminKey, configFor(data, options.settings), options.clock)
  return {
    ...service,
    database,
    data,
    async stop() {
      await service.stop()
      await database.drop()
      await rm(data, { recursive: true, force: true })
    },
  }
}

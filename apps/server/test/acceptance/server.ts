import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { afterAll } from 'vitest'
import { newDataFolder } from '../data-folder.ts'
import { greetingOf, spawnServer } from '../spawn-server.ts'
import { openStoreSettings } from '../store-settings.ts'

/** The server under test and its platform key. */
export interface Served {
  url: string
  key: string
  /** Whether it was started here, with the settings asked for. */
  own: boolean
}

const OWN_KEY = 'acceptance-platform-key-0123456789'

/**
 * The server that `STOWAGE_TEST_URL` and `STOWAGE_TEST_KEY` name, else one started for the calling test file with data
 * of its own, and stopped after it. Its files lie in the kind of store that `STOWAGE_TEST_STORE` names.
 *
 * @throws Error with the server's output when it ends before it is ready
 */
export async function serve(settings: Record<string, string> = {}): Promise<Served> {
  const { STOWAGE_TEST_URL: url, STOWAGE_TEST_KEY: key } = process.env
  if (url && key) return { url: url.replace(/\/+$/, ''), key, own: false }
  const data = await newDataFolder()
  const store = await openStoreSettings(process.env['STOWAGE_TEST_STORE'] ?? 'local')
  const environment = {
    ...store.settings,
    STOWAGE_DATA: data,
    STOWAGE_PORT: '0',
    STOWAGE_ADMIN_KEY: OWN_KEY,
    STOWAGE_EXTRACT: 'off',
    ...settings,
  }
  const server = spawnServer(['serve'], { STOWAGE_LOG_LEVEL: 'warn', ...environment })
  const ended = once(server, 'exit')
  afterAll(async () => {
    server.kill('SIGTERM')
    await ended
    await store.close()
    await rm(data, { recursive: true, force: true })
  })
  return { url: await greetingOf(server), key: OWN_KEY, own: true }
}

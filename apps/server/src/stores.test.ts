import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { configFor } from '../test/service.ts'
import { openStores } from './stores.ts'

const ENDPOINT = 'http://127.0.0.1:9'
let data: string
let logged: string[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'stowage-stores-'))
  logged = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(data, { recursive: true, force: true })
})

async function open(settings: Record<string, string>) {
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const inTenant = () => Promise.reject(new Error('no database here'))
  const opened = await openStores(configFor(data, settings), () => {}, inTenant, inTenant, log)
  await Promise.all([...opened.stores.values()].map((store) => store.close()))
  return opened
}

describe('the stores that an operator configures', () => {
  test('are local disk and the database when nothing is said', async () => {
    const { stores, defaultStoreId, fallbackStoreId, encryptedStores } = await open({})
    expect([...stores.keys()]).toEqual(['local', 'database'])
    expect({ defaultStoreId, fallbackStoreId }).toEqual({ defaultStoreId: 'local', fallbackStoreId: undefined })
    expect([...encryptedStores]).toEqual(['local', 'database'])
  })

  test('may be several, the earlier ones staying readable', async () => {
    const keys = { accessKeyId: 'a', secretAccessKey: 'b' }
    const stores = { eu: { kind: 's3', bucket: 'files', endpoint: ENDPOINT, ...keys } }
    const opened = await open({ STOWAGE_STORE: 'eu', STOWAGE_STORES: JSON.stringify(stores) })
    expect([...opened.stores.keys()]).toEqual(['local', 'database', 'eu'])
    expect(opened).toMatchObject({ defaultStoreId: 'eu', fallbackStoreId: 'local' })
    expect([...opened.encryptedStores]).toEqual(['local', 'database'])
  })

  test('are replaced by local disk, with a word in the log, where there are no credentials at all', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(data, 'none'))
    vi.stubEnv('AWS_CONFIG_FILE', join(data, 'none'))
    const opened = await open({ STOWAGE_STORE: 's3', STOWAGE_BUCKET: 'files', STOWAGE_ENDPOINT: ENDPOINT })
    expect(opened).toMatchObject({ defaultStoreId: 'local', fallbackStoreId: undefined })
    expect(logged.join('')).toContain('there are no credentials for the store')
  })

  test.each<[string, Record<string, string>, RegExp]>([
    ['a store that there is not', { STOWAGE_STORE: 'nowhere' }, /STOWAGE_STORE=nowhere: there is no such store/],
    ['a second store that there is not', { STOWAGE_SECOND_STORE: 'x' }, /STOWAGE_SECOND_STORE=x: there is no such/],
    ['a fallback that there is not', { STOWAGE_FALLBACK_STORE: 'x' }, /STOWAGE_FALLBACK_STORE=x: there is no such/],
    ['a kind that there is not', { STOWAGE_STORES: '{"a":{"kind":"ftp"}}' }, /kind must be one of s3, gcs, azure/],
    ['a store without its bucket', { STOWAGE_STORE: 's3' }, /store s3 bucket:/],
    ['text that is no JSON', { STOWAGE_STORES: 'eu=s3' }, /STOWAGE_STORES: must be JSON/],
  ])('refuse %s by the name that the operator used', async (_, settings, message) => {
    await expect(open(settings)).rejects.toThrow(message)
  })
})

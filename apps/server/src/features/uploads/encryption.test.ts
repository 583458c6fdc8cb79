import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { withClient } from '../../platform/database/client.ts'
import { openSecretKeys } from '../../platform/secrets.ts'
import { masterKeysFromValue } from '../../providers/keys/local-keys.ts'
import { rotateKeys } from '../../rotate-keys.ts'

const MARK = 'this sentence is nobody else’s to read'
const [OLD, NEW] = ['old', 'new'].map((id) => `${id}:${randomBytes(32).toString('base64')}`)

const small = Buffer.from(`${MARK}\n${newText(500)}`)
const large = Buffer.from(`${MARK}\n${newText(300_000)}`)

let base: TestService
let service: Service
const ids: Record<'small' | 'large', string> = { small: '', large: '' }

beforeAll(async () => {
  base = await startTestService({ masterKeys: masterKeysFromValue(OLD as string) })
  service = await openService(base.foundation, base.adminKey, base.config)
  ids.small = (await uploadText(service.call, small)).json.id
  ids.large = (await uploadText(service.call, large)).json.id
})
afterAll(() => base?.stop())

async function bytesOnDisk(): Promise<Buffer[]> {
  const entries = await readdir(join(base.data, 'objects'), { recursive: true, withFileTypes: true })
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((each) => readFile(join(each.parentPath, each.name))),
  )
}

describe('encryption', () => {
  test('leaves nothing of the plain text in the files of the store', async () => {
    const files = await bytesOnDisk()
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((bytes) => bytes.includes(MARK))).toEqual([])
    expect(files.some((bytes) => bytes.length >= large.length)).toBe(true)
  })

  test('leaves nothing of the plain text in the rows that hold small files', async () => {
    const { rows } = await withClient(base.database.owner, (client) =>
      client.query<{ bytes: Buffer }>('select bytes from stowage.small_bytes'),
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]?.bytes.includes(MARK)).toBe(false)
  })

  test('gives each caller the plain text back', async () => {
    expect((await service.call(`/v1/assets/${ids.small}/content`)).bytes.equals(small)).toBe(true)
    expect((await service.call(`/v1/assets/${ids.large}/content`)).bytes.equals(large)).toBe(true)
  })
})

describe('rotate-keys', () => {
  test('keeps every file readable without the old master key, and URLs that were signed before valid', async () => {
    const signed = (await service.call(`/v1/assets/${ids.large}/signed-urls`, { method: 'POST', body: {} })).json.url
    const both = masterKeysFromValue(`${NEW},${OLD}`)
    expect(await rotateKeys({ ...service.foundation, masterKeys: both })).toBe(0)

    const masterKeys = masterKeysFromValue(NEW as string)
    const secrets = await withClient(base.database.owner, async (client) => ({
      urlSigning: await openSecretKeys(client, masterKeys, 'urlSigning'),
      auditSigning: await openSecretKeys(client, masterKeys, 'auditSigning'),
    }))
    const foundation = { ...service.foundation, masterKeys, ...secrets }
    // The same address again, since a signed URL names its host.
    const config = { ...service.config, port: Number(new URL(service.url).port) }
    await service.stop()
    const rotated = await openService(foundation, service.adminKey, config)
    try {
      expect((await rotated.call(`/v1/assets/${ids.small}/content`)).bytes.equals(small)).toBe(true)
      expect((await rotated.call(`/v1/assets/${ids.large}/content`)).bytes.equals(large)).toBe(true)
      const { pathname, search } = new URL(signed)
      const answer = await rotated.call(pathname + search, { secret: '' })
      expect(answer.status).toBe(200)
      expect(answer.bytes.equals(large)).toBe(true)
      const fresh = (await rotated.call(`/v1/assets/${ids.large}/signed-urls`, { method: 'POST', body: {} })).json.url
      expect(keyOf(fresh)).not.toBe(keyOf(signed))
    } finally {
      await rotated.stop()
    }
  })
})

/** What of a signed URL names its key; the signature itself differs anyhow. */
function keyOf(url: string): string {
  return new URL(url).search.split('.')[0] ?? ''
}

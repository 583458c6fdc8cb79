import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { runJobs } from '../../doors/worker/run-jobs.ts'
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
      client.query<{ bytes: Buffer }>('select bytes from stowage.chunk'),
    )
    expect(rows).toHaveLength(1)
    expect(rows[0]?.bytes.includes(MARK)).toBe(false)
  })

  test('seals a small file as the database store does, which can read it too', async () => {
    const { rows } = await withClient(base.database.owner, (client) =>
      client.query(`select tenant_id, id, key, scope, envelope from stowage.copy where store_id = 'database'`),
    )
    expect(rows).toHaveLength(1)
    const { tenant_id: tenantId, id: context, key, scope, envelope } = rows[0]
    const { platform, delivery, stores } = service.app
    const keys = await platform.inTenant(tenantId, (db) => delivery.scopeKeys.wrapperOf(db, tenantId, scope))
    const { body } = await stores.get('database')!.get(key, { tenantId, context, envelope, keys })
    expect((await buffer(body)).equals(small)).toBe(true)
  })

  test('gives each caller the plain text back', async () => {
    expect((await service.call(`/v1/assets/${ids.small}/content`)).bytes.equals(small)).toBe(true)
    expect((await service.call(`/v1/assets/${ids.large}/content`)).bytes.equals(large)).toBe(true)
  })
})

describe('the database as the store of large files', () => {
  test('gives them back whole and in ranges, and keeps nothing of them once they are purged', async () => {
    const { options } = service.app.uploads
    const before = options.storeId
    options.storeId = 'database'
    const bytes = newText(2_500_000)
    const { id } = (await uploadText(service.call, bytes)).json
    options.storeId = before
    const chunks = () =>
      withClient(base.database.owner, async (client) => {
        const { rows } = await client.query(
          `select c.state, (select count(*) from stowage.chunk p where p.tenant_id = c.tenant_id and p.key = c.key)::int as n
           from stowage.copy c where c.store_id = 'database' and c.stored_bytes > 2000000`,
        )
        return rows
      })
    expect(await chunks()).toEqual([{ state: 'live', n: 11 }])
    const path = `/v1/assets/${id}/content`
    expect((await service.call(path)).bytes.equals(bytes)).toBe(true)
    const part = await service.call(path, { headers: { range: 'bytes=300000-1400000' } })
    expect([part.status, part.bytes.equals(bytes.subarray(300_000, 1_400_001))]).toEqual([206, true])
    expect((await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })).status).toBe(204)
    await runJobs(service.app.worker)
    expect(await chunks()).toEqual([{ state: 'gone', n: 0 }])
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

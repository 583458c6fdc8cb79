import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Ask, newOrganization, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'

const purged: string[] = []
let answer = 200
const network = createServer(async (request, response) => {
  const { names } = (await json(request)) as { names: string[] }
  if (answer === 200) purged.push(...names)
  response.writeHead(answer).end()
})

let service: TestService
let organization: string
const cdnUrl = 'https://cdn.example.com'

function cdnSettings(purges: 'purgeTags' | 'purgePaths', placeholder: string): Record<string, string> {
  const { port } = network.address() as AddressInfo
  const purge = { url: `http://127.0.0.1:${port}/purge`, body: `{"names":{${placeholder}}}`, atOnce: 100 }
  const cdn = { kind: 'hmac', url: cdnUrl, secret: 'a secret of the edge', [purges]: purge }
  return { STOWAGE_CDN: JSON.stringify(cdn) }
}

beforeAll(async () => {
  network.listen(0, '127.0.0.1')
  await once(network, 'listening')
  service = await startTestService({ settings: cdnSettings('purgeTags', 'tags') })
  organization = (await newOrganization(service.call)).id
})
afterAll(async () => {
  network.close()
  await service?.stop()
})
beforeEach(async () => {
  await purgesOf(async () => {})
  answer = 200
})

const ask = (path: string, more: Ask = {}) => service.call(path, { organization, ...more })

async function publish(more: Record<string, unknown> = {}): Promise<string> {
  const body = { name: 'a.txt', content: `text ${Math.random()}`, visibility: 'public', ...more }
  return (await ask('/v1/assets', { body })).json.id
}

/** What the network is told to forget because of a change. */
async function purgesOf(change: () => Promise<unknown>): Promise<string[]> {
  purged.length = 0
  await change()
  await jobs.purge(service.app.worker)
  return [...purged]
}

const change = (id: string, body: Record<string, unknown>) => ask(`/v1/assets/${id}`, { method: 'PATCH', body })
const sql = (text: string, ...values: unknown[]) =>
  withClient(service.database.owner, (client) => client.query(text, values))

describe('a public asset', () => {
  test.each<[string, (id: string) => Promise<unknown>]>([
    ['is public no more', (id) => change(id, { visibility: 'organization' })],
    ['goes to the trash', (id) => ask(`/v1/assets/${id}`, { method: 'DELETE' })],
    ['is removed for good', (id) => ask(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })],
    ['goes to the archive', (id) => change(id, { state: 'archived' })],
    ['has a new version', (id) => uploadText(service.call, Buffer.from('newer'), { assetId: id, organization })],
    ['has its signed URLs revoked', (id) => ask(`/v1/assets/${id}/signed-urls`, { method: 'DELETE' })],
    ['is put in quarantine', (id) => sql(`update stowage.asset set state = 'quarantined' where id = $1`, toUuid(id))],
    [
      'holds bytes that turn out to be infected',
      (id) =>
        sql(
          `update stowage.object o set scan = 'infected' from stowage.version v where v.sha256 = o.sha256 and v.asset_id = $1`,
          toUuid(id),
        ),
    ],
  ])('is forgotten when it %s', async (_title, happens) => {
    const id = await publish()
    expect(new Set(await purgesOf(() => happens(id)))).toEqual(new Set([id]))
  })

  test('is forgotten when it comes back from the trash, or an old version does or is removed', async () => {
    const id = await publish()
    await uploadText(service.call, Buffer.from('second'), { assetId: id, organization })
    await purgesOf(async () => {})
    const post = (path: string, body = {}) => purgesOf(() => ask(`/v1/assets/${id}/${path}`, { body }))
    expect(new Set(await post('versions/1/make-current'))).toEqual(new Set([id]))
    expect(new Set(await post('versions/prune', { keepLast: 1 }))).toEqual(new Set([id]))
    await purgesOf(() => ask(`/v1/assets/${id}`, { method: 'DELETE' }))
    expect(new Set(await post('restore'))).toEqual(new Set([id]))
  })

  test('is forgotten when its organization accepts other reasons for not having been scanned', async () => {
    const { id: strict } = await newOrganization(service.call)
    const body = { name: 'a.txt', content: 'unscanned', visibility: 'public' }
    const { id } = (await service.call('/v1/assets', { body, organization: strict })).json
    const accept = (more: object) =>
      purgesOf(() => service.call(`/v1/organizations/${strict}`, { method: 'PATCH', body: { ...more } }))
    expect(await accept({ name: 'another' })).toEqual([])
    expect(await accept({ readableUnscanned: [] })).toEqual([id])
  })

  test('is kept when it is renamed, tagged, moved, read, or given a signed URL', async () => {
    const id = await publish()
    const made = purgesOf(async () => {
      await change(id, { name: 'b.txt', tags: ['new'], folder: 'elsewhere', expiresAt: '2090-01-01T00:00:00.000Z' })
      await ask(`/v1/assets/${id}/content`)
      await ask(`/v1/assets/${id}/signed-urls`, { body: { cdn: true } })
    })
    expect(await made).toEqual([])
  })

  test('is forgotten once more later, for an answer may have been under way', async () => {
    const id = await publish()
    await purgesOf(() => ask(`/v1/assets/${id}`, { method: 'DELETE' }))
    await sql(`update stowage.cdn_purge set due_at = now() where asset_id = $1`, toUuid(id))
    expect(await purgesOf(async () => {})).toEqual([id])
    expect((await sql('select from stowage.cdn_purge where asset_id = $1', toUuid(id))).rowCount).toBe(0)
  })
})

describe('an asset that is not public', () => {
  const hidden = { visibility: 'private' }

  test('is nothing to the network', async () => {
    const id = await publish(hidden)
    const made = purgesOf(async () => {
      await ask(`/v1/assets/${id}/signed-urls`, { body: {} })
      await uploadText(service.call, Buffer.from('newer'), { assetId: id, organization })
      await ask(`/v1/assets/${id}/signed-urls`, { method: 'DELETE' })
      await change(id, { visibility: 'public' })
      await change(id, { visibility: 'organization' })
      await ask(`/v1/assets/${id}`, { method: 'DELETE' })
    })
    // Once, for having been public.
    expect(await made).toEqual([id])
  })

  test.each<[string, (id: string) => Promise<unknown>]>([
    ['its signed URLs are revoked', (id) => ask(`/v1/assets/${id}/signed-urls`, { method: 'DELETE' })],
    ['it goes to the trash', (id) => ask(`/v1/assets/${id}`, { method: 'DELETE' })],
    ['it is removed for good', (id) => ask(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })],
  ])("is forgotten when it has been given out by the CDN's signed URLs and %s", async (_title, happens) => {
    const id = await publish(hidden)
    await ask(`/v1/assets/${id}/signed-urls`, { body: { cdn: true } })
    expect(new Set(await purgesOf(() => happens(id)))).toEqual(new Set([id]))
  })
})

describe('a network that does not answer', () => {
  test('is told again later, and until then nothing is lost', async () => {
    const id = await publish()
    answer = 403
    expect(await purgesOf(() => ask(`/v1/assets/${id}`, { method: 'DELETE' }))).toEqual([])
    expect(service.errors.join()).toMatch(/the CDN could not be purged/)
    answer = 200
    expect(await purgesOf(async () => {})).toEqual([])
    const waiting = `select extract(epoch from due_at - now()) as seconds, attempts from stowage.cdn_purge where asset_id = $1 and attempts > 0`
    const [row] = (await sql(waiting, toUuid(id))).rows
    expect(row).toMatchObject({ attempts: 1 })
    expect(Number(row.seconds)).toBeGreaterThan(50)
    expect(Number(row.seconds)).toBeLessThan(61)
    await sql(`update stowage.cdn_purge set due_at = now() where asset_id = $1 and attempts > 0`, toUuid(id))
    expect(await purgesOf(async () => {})).toEqual([id])
  })
})

describe('without a CDN', () => {
  test('nothing is told and no work is left', async () => {
    const plain = await startTestService()
    const asset = await plain.call('/v1/assets', { body: { name: 'a.txt', content: 'a', visibility: 'public' } })
    expect(asset.json.cdnUrl).toBeNull()
    await plain.call(`/v1/assets/${asset.json.id}`, { method: 'DELETE' })
    expect(await jobs.purge(plain.app.worker)).toBe(1)
    expect(await jobs.purge(plain.app.worker)).toBe(0)
    const answer = await plain.call(`/v1/assets/${asset.json.id}/signed-urls`, { body: { cdn: true } })
    expect(answer.json).toMatchObject({ code: 'asset.trashed' })
    await plain.stop()
  })
})

describe('a network that knows no tags', () => {
  test('is told every address', async () => {
    const other = await startTestService({ settings: cdnSettings('purgePaths', 'urls') })
    const body = { name: 'a.txt', content: 'a', visibility: 'public' }
    const { id, cdnUrl: shown } = (await other.call('/v1/assets', { body })).json
    await uploadText(other.call, Buffer.from('second'), { assetId: id })
    purged.length = 0
    await other.call(`/v1/assets/${id}`, { method: 'DELETE' })
    await jobs.purge(other.app.worker)
    const below = `${cdnUrl}/v1/assets/${id}`
    expect(shown).toBe(`${below}/versions/1/content`)
    expect(purged).toEqual(expect.arrayContaining([shown, `${below}/content`, `${below}/versions/2/content/inline`]))
    await other.stop()
  })
})

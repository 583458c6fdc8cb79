import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newText, openService, type Service, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { LAYOUT_PRESETS } from '../../domain/key-layout-presets.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'

const LARGE_BYTES = 200_000
const NOW = new Date('2026-03-05T10:00:00Z')

/** Where the first and the second version lie, below the folder of the store. */
const places: Record<string, (asset: { id: string; owner: string }) => [string | RegExp, string | RegExp]> = {
  default: () => [/^default\/[^/]+\/[a-z]+_[0-9a-z]+$/, /^default\/[^/]+\/[a-z]+_[0-9a-z]+$/],
  dated: ({ id }) => [
    `default/document_upload/2026/03/05/${id}.txt`,
    `default/document_upload/2026/03/05/${id}.v2.txt`,
  ],
  security_firms: ({ id }) => [
    `security_firms/default/document_upload_${id}.txt`,
    `security_firms/default/document_upload_${id}.v2.txt`,
  ],
  flat: ({ id }) => [`uploaded/${id}.txt`, `uploaded/${id}.v2.txt`],
  user: ({ id, owner }) => [`users/${owner}/raw/${id}/original.txt`, `users/${owner}/raw/${id}/original.v2.txt`],
  customer: ({ id }) => [`default/uploads/2026/03/05/${id}`, `default/uploads/2026/03/05/${id}.v2`],
}

let base: TestService
let secret: string

beforeAll(async () => {
  base = await startTestService()
  secret = (await base.call('/v1/api-keys', { body: { name: 'k', role: 'editor' } })).json.secret
})
afterAll(() => base?.stop())

async function withLayout<Result>(layout: string, work: (service: Service, folder: string) => Promise<Result>) {
  const data = join(base.data, layout)
  const service = await openService(base.foundation, base.adminKey, { ...base.config, data, layout }, () => NOW)
  try {
    return await work(service, join(data, 'objects'))
  } finally {
    await service.stop()
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

describe('an upload larger than what the database takes', () => {
  test.each(LAYOUT_PRESETS.map((layout) => layout.name))('lies under exactly the path of the layout %s', (layout) =>
    withLayout(layout, async (service, folder) => {
      const first = await uploadText(service.call, newText(LARGE_BYTES), { secret })
      expect(first.status).toBe(201)
      const { id, ownerId } = first.json
      await uploadText(service.call, newText(LARGE_BYTES), { assetId: id, secret })
      const { copies } = (await service.call(`/v1/assets/${id}`)).json
      const keys = copies.map((copy: { key: string }) => copy.key)
      const wanted = places[layout]?.({ id, owner: ownerId }) ?? []
      expect(keys).toHaveLength(2)
      for (const place of wanted) {
        expect(keys).toContainEqual(typeof place === 'string' ? place : expect.stringMatching(place))
      }
      expect((await filesBelow(folder)).filter((path) => !path.includes('~')).sort()).toEqual(
        [...keys].sort().map((key: string) => expect.stringContaining(key)),
      )
    }),
  )

  test('shares its bytes under a layout per object and never under one per version', async () => {
    const bytes = newText(LARGE_BYTES)
    const storedTwice = (layout: string) =>
      withLayout(layout, async (service) => {
        const storedBytes = async () => (await service.call('/v1/usage?exact=true')).json.storedBytes
        const before = await storedBytes()
        await uploadText(service.call, bytes, { secret })
        await uploadText(service.call, bytes, { secret })
        return ((await storedBytes()) - before) / LARGE_BYTES
      })
    expect(await storedTwice('default')).toBe(1)
    expect(await storedTwice('dated')).toBe(2)
  })
  test('says beside its bytes whose they are under a layout per version, and nothing where they are shared', async () => {
    const saidBeside = (layout: string) =>
      withLayout(layout, async (service) => {
        const said: unknown[] = []
        const store = service.app.stores.get('local') as ObjectStore
        const put: ObjectStore['put'] = (key, body, options) => {
          said.push(options?.metadata)
          return store.put(key, body, options)
        }
        service.app.stores.set('local', { ...store, put })
        await uploadText(service.call, newText(LARGE_BYTES), { secret, name: 'mine.txt' })
        return said
      })
    expect(await saidBeside('dated')).toEqual([expect.objectContaining({ name: 'mine.txt' })])
    expect(await saidBeside('default')).toEqual([undefined])
  })
  test('stays readable as a version that was made current again, when the one it was made from is pruned', () =>
    withLayout('dated', async (service) => {
      const bytes = newText(LARGE_BYTES)
      const { id } = (await uploadText(service.call, bytes, { secret })).json
      await uploadText(service.call, newText(LARGE_BYTES), { assetId: id, secret })
      await service.call(`/v1/assets/${id}/versions/1/make-current`, { method: 'POST' })
      const pruned = await service.call(`/v1/assets/${id}/versions/prune`, { body: { keepLast: 1 } })
      expect(pruned.json.removed).toEqual([1, 2])
      await jobs.reap(service.app.worker)
      expect((await service.call(`/v1/assets/${id}/content`)).bytes.equals(bytes)).toBe(true)
    }))
  test('takes its own bytes with it and leaves those of others, though they are the same, under one per version', () =>
    withLayout('dated', async (service, folder) => {
      const bytes = newText(LARGE_BYTES)
      const upload = async () => (await uploadText(service.call, bytes, { secret })).json.id
      const [one, other] = [await upload(), await upload()]
      await service.call(`/v1/assets/${one}?purge=true`, { method: 'DELETE' })
      await jobs.reap(service.app.worker)
      const files = (await filesBelow(folder)).join('\n')
      expect(files).not.toContain(one)
      expect(files).toContain(other)
      expect((await service.call(`/v1/assets/${other}/content`)).bytes.equals(bytes)).toBe(true)
    }))
})

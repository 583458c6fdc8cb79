import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { EICAR } from '../eicar.ts'
import { addressOf } from '../real-services.ts'
import {
  type Api,
  answerOf,
  apiOf,
  created,
  expectProblem,
  newKey,
  type Organization,
  openOrganization,
  type Shown,
  sha256Of,
} from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'
import * as tus from './tus.ts'

const MIB = 1024 * 1024
const clamd = addressOf('clamd')
const served = clamd === undefined ? undefined : await serve({ STOWAGE_CLAMD: clamd })
const REASON = 'our own test file'

/** Text of no other test. */
function honest(sizeBytes = 500): Buffer {
  return Buffer.from(randomBytes(sizeBytes).toString('base64url').slice(0, sizeBytes))
}

function infected(sizeBytes = 500): Buffer {
  return Buffer.concat([honest(sizeBytes), Buffer.from(`\n${EICAR}\n`)])
}

async function putTo({ url, headers = {} }: Shown, bytes: Buffer): Promise<void> {
  expect((await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) })).ok).toBe(true)
}

async function begin(api: Api, bytes: Buffer, strategy: string): Promise<Shown> {
  return created(await api.post('/v1/uploads', { name: 'a.txt', sizeBytes: bytes.length, strategy }))
}

async function complete(api: Api, { id }: Shown): Promise<string> {
  expect(await api.post(`/v1/uploads/${id}/complete`)).toMatchObject({ status: 202 })
  const done = await poll(async () => {
    const { body } = await api.get(`/v1/uploads/${id}`)
    return (body.state === 'done' || body.state === 'failed') && body
  })
  expect(done).toMatchObject({ state: 'done', problem: null })
  return done.assetId
}

/** Every road by which bytes come in. Each answers with the asset's id. */
const roads: Readonly<Record<string, (api: Api, bytes: Buffer) => Promise<string>>> = {
  'a raw body': async (api, bytes) => (await api.upload(bytes)).id,
  'a form': async (api, bytes) =>
    created(await api.form({}, new File([new Uint8Array(bytes)], 'a.txt', { type: 'text/plain' }))).id,
  'text in JSON': async (api, bytes) =>
    created(await api.post('/v1/assets', { name: 'a.txt', content: bytes.toString() })).id,
  'a new version': async (api, bytes) => {
    const { id } = await api.upload(honest())
    return created(await api.raw(`/v1/assets/${id}/versions`, new Uint8Array(bytes))).id
  },
  'a single PUT': async (api, bytes) => {
    const upload = await begin(api, bytes, 'single-put')
    await putTo(upload.request, bytes)
    return complete(api, upload)
  },
  'a posted form of a store': async (api, bytes) => {
    const upload = await begin(api, bytes, 'post-policy')
    const form = new FormData()
    for (const [name, value] of Object.entries<string>(upload.form.fields)) form.append(name, value)
    form.append('file', new File([new Uint8Array(bytes)], 'a.txt', { type: 'text/plain' }))
    expect((await fetch(upload.form.url, { method: 'POST', body: form })).ok).toBe(true)
    return complete(api, upload)
  },
  parts: async (api, bytes) => {
    const upload = await begin(api, bytes, 'multipart')
    const numbers = Array.from({ length: upload.partCount }, (_, index) => index + 1)
    const { body } = await api.post(`/v1/uploads/${upload.id}/parts`, { numbers })
    for (const part of body.items) {
      const from = (part.number - 1) * upload.partBytes
      await putTo(part, bytes.subarray(from, from + part.sizeBytes))
    }
    return complete(api, upload)
  },
  tus: async (api, bytes) => {
    const path = await tus.begin(api, bytes.length, { filename: 'a.txt', assetType: 'document_upload' })
    const middle = Math.floor(bytes.length / 2)
    await tus.append(api, path, 0, bytes.subarray(0, middle))
    return tus.complete(api, path, bytes)
  },
}

describe.skipIf(!served?.own)('with a scanner', () => {
  let organization: Organization
  let owner: Api
  beforeAll(async () => {
    organization = await openOrganization(served as NonNullable<typeof served>)
    owner = organization.owner
  })

  const shown = async (id: string): Promise<Shown> => (await owner.get(`/v1/assets/${id}`)).body
  const contentOf = async (id: string) => {
    const response = await owner.send(`/v1/assets/${id}/content`, { redirect: 'follow' })
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
  }
  const quarantined = (id: string) => poll(async () => (await shown(id)).state === 'quarantined')
  const entryOf = async (id: string): Promise<Shown> => {
    const { body } = await owner.get('/v1/quarantine?limit=100')
    return body.items.find((entry: Shown) => entry.assetIds.includes(id))
  }
  /** An infected file that lies in quarantine, and its entry there. */
  const found = async (bytes = infected()) => {
    const { id } = await owner.upload(bytes)
    await quarantined(id)
    return { id, entry: await entryOf(id) }
  }

  describe.each(Object.entries(roads))('what comes by %s', (road, bring) => {
    const large = road === 'text in JSON' ? 200_000 : 9 * MIB

    test.each([500, large])('is caught when it is infected, with %i bytes before that', async (sizeBytes) => {
      const id = await bring(owner, infected(sizeBytes))
      expect(await shown(id)).toMatchObject({ scan: { status: 'infected' } })
      expect((await contentOf(id)).status).toBe(403)
      await quarantined(id)
      expectProblem(await owner.get(`/v1/assets/${id}/content`), 403, 'asset.quarantined')
      expectProblem(await owner.post(`/v1/assets/${id}/signed-urls`, {}), 403, 'asset.quarantined')
      expect(await entryOf(id)).toMatchObject({ state: 'held', finding: expect.stringContaining('Eicar') })
    })

    test.each([500, large])('can be read when it is clean, with %i bytes', async (sizeBytes) => {
      const bytes = honest(sizeBytes)
      const id = await bring(owner, bytes)
      expect(await shown(id)).toMatchObject({ state: 'active', scan: { status: 'clean' } })
      const content = await contentOf(id)
      expect({ status: content.status, sha256: sha256Of(content.bytes) }).toEqual({
        status: 200,
        sha256: sha256Of(bytes),
      })
    })
  })

  test('an asset whose newest version is infected can be neither read nor changed', async () => {
    const { id } = await owner.upload(honest())
    created(await owner.raw(`/v1/assets/${id}/versions`, new Uint8Array(infected())))
    await quarantined(id)
    expectProblem(await owner.get(`/v1/assets/${id}/content`), 403, 'asset.quarantined')
    expectProblem(await owner.patch(`/v1/assets/${id}`, { name: 'b.txt' }), 403, 'asset.quarantined')
  })

  test('the quarantine is listed newest first, page by page, and by what became of an entry', async () => {
    const { entry: older } = await found()
    const { entry: newer } = await found()
    const first = (await owner.get('/v1/quarantine?limit=1')).body
    expect(first.items.map((entry: Shown) => entry.id)).toEqual([newer.id])
    const second = (await owner.get(`/v1/quarantine?limit=1&cursor=${first.nextCursor}`)).body
    expect(second.items.map((entry: Shown) => entry.id)).toEqual([older.id])
    await owner.post(`/v1/quarantine/${older.id}/release`, { reason: REASON })
    const ids = async (state: string) =>
      (await owner.get(`/v1/quarantine?limit=100&state=${state}`)).body.items.map((entry: Shown) => entry.id)
    expect(await ids('released')).toContain(older.id)
    expect(await ids('held')).toContain(newer.id)
    expect(await ids('held')).not.toContain(older.id)
  })

  test('an entry says what was found, in what, and by whose knowledge', async () => {
    const bytes = infected()
    const { id, entry } = await found(bytes)
    expect(entry).toMatchObject({
      state: 'held',
      name: 'a.txt',
      sha256: sha256Of(bytes),
      sizeBytes: bytes.length,
      signatures: expect.stringMatching(/^ClamAV /),
      assetIds: [id],
      endedAt: null,
      endedBy: null,
      reason: null,
    })
  })

  test('a false positive is released as it was, and taken back again', async () => {
    const bytes = infected()
    const { id, entry } = await found(bytes)
    const act = (what: string, reason = REASON) => owner.post(`/v1/quarantine/${entry.id}/${what}`, { reason })
    expectProblem(await act('release', ''), 400, 'request.invalid')
    expectProblem(await act('revoke'), 409, 'quarantine.ended')
    expect(await act('release')).toMatchObject({ status: 200, body: { state: 'released', reason: REASON } })
    expect((await contentOf(id)).bytes.equals(bytes)).toBe(true)
    expect(await shown(id)).toMatchObject({ state: 'active', scan: { status: 'clean' } })
    expectProblem(await act('release'), 409, 'quarantine.ended')
    const again = await owner.upload(bytes)
    expect((await contentOf(again.id)).bytes.equals(bytes)).toBe(true)
    expect(await act('revoke', 'it was none')).toMatchObject({ status: 200, body: { state: 'held' } })
    for (const each of [id, again.id]) {
      expect((await contentOf(each)).status).toBe(403)
      await quarantined(each)
    }
  })

  test('a purge removes every asset that has nothing but these bytes', async () => {
    const bytes = infected()
    const { id, entry } = await found(bytes)
    const twin = (await owner.upload(bytes)).id
    const versioned = await owner.upload(honest())
    created(await owner.raw(`/v1/assets/${versioned.id}/versions`, new Uint8Array(bytes)))
    await quarantined(twin)
    await quarantined(versioned.id)
    expect((await owner.remove(`/v1/quarantine/${entry.id}`)).status).toBe(204)
    for (const each of [id, twin]) expectProblem(await owner.get(`/v1/assets/${each}`), 404, 'asset.notFound')
    expect(await shown(versioned.id)).toMatchObject({ state: 'active', version: 1, scan: { status: 'clean' } })
    expect((await contentOf(versioned.id)).status).toBe(200)
    expectProblem(await owner.remove(`/v1/quarantine/${entry.id}`), 409, 'quarantine.ended')
  })

  test('the quarantine is its admins’ and nobody else’s', async () => {
    const { entry } = await found()
    const editor = apiOf(owner.url, (await newKey(organization.platform, { role: 'editor' })).secret)
    const admin = apiOf(owner.url, (await newKey(organization.platform, { role: 'admin' })).secret)
    const { owner: stranger } = await openOrganization(served as NonNullable<typeof served>)
    expect((await admin.get('/v1/quarantine')).status).toBe(200)
    expect((await stranger.get('/v1/quarantine')).body.items).toEqual([])
    for (const [api, status, code] of [
      [editor, 403, 'access.forbidden'],
      [stranger, 404, 'quarantine.notFound'],
    ] as const) {
      expectProblem(await api.post(`/v1/quarantine/${entry.id}/release`, { reason: REASON }), status, code)
      expectProblem(await api.post(`/v1/quarantine/${entry.id}/revoke`, { reason: REASON }), status, code)
      expectProblem(await api.remove(`/v1/quarantine/${entry.id}`), status, code)
    }
    for (const path of ['/v1/quarantine', '/v1/security-report'])
      expectProblem(await editor.get(path), 403, 'access.forbidden')
  })

  test('the security report counts what came in, what was found and what became of it', async () => {
    const { owner: alone } = await openOrganization(served as NonNullable<typeof served>, {})
    const report = async (query = '') => (await alone.get(`/v1/security-report${query}`)).body
    expect(await report()).toMatchObject({ files: { clean: 0, infected: 0 }, found: 0, findings: [], entries: [] })
    await alone.upload(honest())
    for (let number = 0; number < 3; number += 1) await alone.upload(infected())
    await poll(async () => (await report()).found === 3)
    const [first, second] = (await report()).entries
    await alone.post(`/v1/quarantine/${first.id}/release`, { reason: REASON })
    await alone.remove(`/v1/quarantine/${second.id}`)
    const after = await report()
    expect(after).toMatchObject({
      files: { clean: 2, pending: 0, notScanned: 0, error: 0 },
      notScannedReasons: {},
      found: 3,
      held: 1,
      released: 1,
      purged: 1,
      findings: [{ finding: expect.stringContaining('Eicar'), count: 3 }],
    })
    // What was purged counts until its bytes are gone.
    expect([1, 2]).toContain(after.files.infected)
    expect(after.entries.map((entry: Shown) => entry.state).sort()).toEqual(['held', 'purged', 'released'])
    const before = await report(`?to=${encodeURIComponent(new Date(Date.now() - 86_400_000).toISOString())}`)
    expect(before).toMatchObject({ files: { clean: 0, infected: 0 }, found: 0, entries: [] })
  })

  test('an entry that there is not can be neither released nor purged', async () => {
    const none = `qua_${'0'.repeat(26)}`
    expectProblem(await owner.remove(`/v1/quarantine/${none}`), 404, 'quarantine.notFound')
    const answer = await owner.post(`/v1/quarantine/${none}/release`, { reason: REASON })
    expectProblem(answer, 404, 'quarantine.notFound')
  })

  test('readiness tells of the scanner', async () => {
    expect((await answerOf(await fetch(`${owner.url}/readyz`))).body).toMatchObject({ scanner: 'up' })
  })
})

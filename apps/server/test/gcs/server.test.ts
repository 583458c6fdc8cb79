import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Bucket, Storage } from '@google-cloud/storage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GcsServer, startGcsServer } from './server.ts'

describe('startGcsServer, used by the official SDK as it is', () => {
  let server: GcsServer
  let storage: Storage
  let bucket: Bucket
  beforeAll(async () => {
    server = await startGcsServer()
    const { url: apiEndpoint, credentials } = server
    const projectId = credentials.project_id
    storage = new Storage({ apiEndpoint, projectId, credentials, useAuthWithCustomEndpoint: true })
    ;[bucket] = await storage.createBucket('sdk-bucket', { enableObjectRetention: true })
  })
  afterAll(() => server.close())

  test('keeps the settings of a bucket', async () => {
    await bucket.setMetadata({
      iamConfiguration: { publicAccessPrevention: 'enforced', uniformBucketLevelAccess: { enabled: true } },
      versioning: { enabled: true },
      cors: [{ origin: ['https://example.com'], method: ['PUT'], responseHeader: ['ETag'], maxAgeSeconds: 60 }],
      lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 7, matchesPrefix: ['staging/'] } }] },
    })
    const [metadata] = await storage.bucket('sdk-bucket').getMetadata()
    expect(metadata).toMatchObject({
      iamConfiguration: { publicAccessPrevention: 'enforced', uniformBucketLevelAccess: { enabled: true } },
      versioning: { enabled: true },
      cors: [{ origin: ['https://example.com'] }],
      lifecycle: { rule: [{ condition: { age: 7 } }] },
      objectRetention: { mode: 'Enabled' },
    })
    await bucket.setMetadata({ versioning: { enabled: false } })
    expect(await storage.bucket('no-such-bucket').exists()).toEqual([false])
  })

  test.each([
    ['simple', 1000, false],
    ['resumable', 3_000_000, true],
  ])('takes a %s upload whose checksums the SDK compares, and gives it back', async (name, size, resumable) => {
    const bytes = randomBytes(size)
    const file = bucket.file(`${name} żółć/a+b?c`)
    // The SDK leaves the token out when its stream opens a session of its own at an address that is not Google's.
    const [uri] = resumable ? await file.createResumableUpload() : [undefined]
    await pipeline(Readable.from([bytes]), file.createWriteStream({ resumable, uri, validation: 'crc32c' }))
    expect((await file.download({ validation: 'md5' }))[0].equals(bytes)).toBe(true)
    expect((await file.download({ start: 10, end: 19 }))[0].equals(bytes.subarray(10, 20))).toBe(true)
    const [listed] = await bucket.getFiles({ prefix: name })
    expect(listed.map((found) => found.name)).toEqual([file.name])
  })

  test('refuses an upload whose bytes are not of the stated checksum', async () => {
    const file = bucket.file('mismatch')
    const saving = file.save('other bytes', { resumable: false, metadata: { md5Hash: 'XrY7u+Ae7tCTyyK7j1rNww==' } })
    await expect(saving).rejects.toMatchObject({ code: 400 })
    expect(await file.exists()).toEqual([false])
  })

  test('keeps preconditions, holds, retention and versions', async () => {
    const file = bucket.file('locked')
    await file.save('one', { resumable: false })
    const again = file.save('two', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } })
    await expect(again).rejects.toMatchObject({ code: 412 })
    await file.setMetadata({ temporaryHold: true })
    await expect(file.delete()).rejects.toMatchObject({ code: 403 })
    await file.setMetadata({ temporaryHold: false })
    const retainUntilTime = new Date(Date.now() + 60_000).toISOString()
    await file.setMetadata({ retention: { mode: 'Unlocked', retainUntilTime } })
    await expect(file.delete()).rejects.toMatchObject({ code: 403 })
    await file.setMetadata({ retention: null }, { overrideUnlockedRetention: true })
    await bucket.setMetadata({ versioning: { enabled: true } })
    await file.delete()
    const [versions] = await bucket.getFiles({ prefix: 'locked', versions: true })
    expect(versions).toHaveLength(1)
    await bucket.setMetadata({ versioning: { enabled: false } })
  })

  test('copies and composes', async () => {
    await bucket.file('part-1').save('one ', { resumable: false })
    await bucket.file('part-2').save('two', { resumable: false })
    await bucket.combine(['part-1', 'part-2'], 'composed')
    await bucket.file('composed').copy(bucket.file('copied'))
    expect(String((await bucket.file('copied').download())[0])).toBe('one two')
    const [{ componentCount, md5Hash }] = await bucket.file('composed').getMetadata()
    expect({ componentCount, md5Hash }).toEqual({ componentCount: 2, md5Hash: undefined })
  })

  test('takes the forms and URLs that the SDK signs, and none without a signature or token', async () => {
    const file = bucket.file('signed')
    const expires = Date.now() + 60_000
    const [form] = await file.generateSignedPostPolicyV4({ expires, conditions: [['content-length-range', 1, 10]] })
    const data = new FormData()
    for (const [name, value] of Object.entries(form.fields)) data.append(name, value)
    data.append('file', new Blob(['posted']), 'file')
    expect((await fetch(`${server.url}/sdk-bucket`, { method: 'POST', body: data })).status).toBe(204)
    const [url] = await file.getSignedUrl({ version: 'v4', action: 'read', expires })
    expect(await (await fetch(url)).text()).toBe('posted')
    expect((await fetch(`${server.url}/sdk-bucket/signed`)).status).toBe(401)
    expect((await fetch(`${server.url}/storage/v1/b/sdk-bucket/o/signed?alt=media`)).status).toBe(401)
  })
})

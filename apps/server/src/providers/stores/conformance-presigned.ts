import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { type Bench, digest } from './conformance-bench.ts'
import { needs } from './conformance-needs.ts'
import { MAX_PRESIGN_SECONDS, type PresignPostOptions, type SignedForm, type SignedRequest } from './port.ts'

/** A CRC32 of no bytes in base64: what a signer that knows no body may put into a request. */
const EMPTY_CRC32 = 'AAAAAA=='

/** The part of the suite about requests that others send, used against the store itself. */
export function describePresigned(bench: Bench): void {
  describeGets(bench)
  describePuts(bench)
  describePosts(bench)
  describeExpiry(bench)
}

/** Sends a presigned request as a browser would. */
export async function send(
  { method, url, headers }: Pick<SignedRequest, 'method' | 'url' | 'headers'>,
  body?: Buffer,
  more: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method, headers: { ...headers, ...more }, body: body && new Uint8Array(body) })
}

export async function expectRefused(response: Promise<Response>): Promise<void> {
  const { status, ok } = await response
  expect({ status, ok }).toMatchObject({ ok: false })
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
}

/** The same request with each of its query parameters changed, and with each left out. */
export function tampered(request: SignedRequest): SignedRequest[] {
  const names = [...new URL(request.url).searchParams.keys()]
  return names.flatMap((name) => {
    const changed = new URL(request.url)
    changed.searchParams.set(name, `${changed.searchParams.get(name)}1`)
    const without = new URL(request.url)
    without.searchParams.delete(name)
    return [changed, without].map((url) => ({ ...request, url: url.href }))
  })
}

/** The same request for another key, which differs in its last segment alone. */
export function forKey(request: SignedRequest, from: string, to: string): SignedRequest {
  const url = new URL(request.url)
  expect(url.pathname.endsWith(from)).toBe(true)
  url.pathname = url.pathname.slice(0, -from.length) + to
  return { ...request, url: url.href }
}

export function expectNoEmptyChecksum({ url, headers }: SignedRequest): void {
  expect(decodeURIComponent(url)).not.toContain(EMPTY_CRC32)
  for (const value of Object.values(headers)) expect(value).not.toContain(EMPTY_CRC32)
}

function expectExpiry(expiresAt: Date, seconds: number): void {
  expect(expiresAt.getTime()).toBeGreaterThan(Date.now())
  expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + seconds * 1000)
}

function describeGets(bench: Bench): void {
  const bytes = randomBytes(100_000)
  const signed = async (context: TestContext, options: object = {}) => {
    needs(bench, context, (can) => can.presignedGet)
    const prefix = bench.prefix()
    await bench.put(`${prefix}mine`, bytes)
    await bench.put(`${prefix}other`, Buffer.from('other'))
    return bench.store.presignGet(`${prefix}mine`, { expiresInSeconds: 60, ...options })
  }

  test('reads an object by a presigned request, whole and by range', async (context) => {
    const request = await signed(context)
    expect(request.method).toBe('GET')
    expectExpiry(request.expiresAt, 60)
    const whole = await send(request)
    expect(whole.status).toBe(200)
    expect(digest(Buffer.from(await whole.arrayBuffer()))).toBe(digest(bytes))
    const range = await send(request, undefined, { range: 'bytes=500-1499' })
    expect(range.status).toBe(206)
    expect(Buffer.from(await range.arrayBuffer()).equals(bytes.subarray(500, 1500))).toBe(true)
  })

  test('reads a key that needs escaping by a presigned request', async (context) => {
    needs(bench, context, (can) => can.presignedGet)
    const key = `${bench.prefix()}a b+c%2F?d=e&f#g/żółć 日本 (1)!'*`
    await bench.put(key, Buffer.from('escaped'))
    const response = await send(await bench.store.presignGet(key, { expiresInSeconds: 60 }))
    expect(await response.text()).toBe('escaped')
  })

  test('sends back the disposition, media type and cache rule that were asked for', async (context) => {
    const contentDisposition = `attachment; filename="z.txt"; filename*=UTF-8''%C5%BC%C3%B3%20z.txt`
    const limited = bench.subject.limits?.presignedGet?.includes('cacheControl')
    const cacheControl = limited ? undefined : 'private, max-age=60'
    const request = await signed(context, {
      contentDisposition,
      ...(cacheControl && { cacheControl }),
      contentType: 'text/plain; charset=utf-8',
    })
    const response = await send(request)
    await response.body?.cancel()
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-disposition': contentDisposition,
      ...(cacheControl && { 'cache-control': cacheControl }),
      'content-type': 'text/plain; charset=utf-8',
    })
  })

  test('refuses a presigned read that was changed: its key, its method or anything in its query', async (context) => {
    const request = await signed(context, { contentDisposition: 'attachment', contentType: 'text/plain' })
    await expectRefused(send(forKey(request, 'mine', 'other')))
    await expectRefused(send({ ...request, method: 'PUT' }, Buffer.from('x')))
    await expectRefused(fetch(request.url, { method: 'DELETE' }))
    for (const changed of tampered(request)) await expectRefused(send(changed))
    expect((await send(request)).status).toBe(200)
  })

  test('refuses a request that would live too long with unsupported', async (context) => {
    needs(bench, context, (can) => can.presignedGet)
    const key = `${bench.prefix()}long`
    const tooLong = { expiresInSeconds: MAX_PRESIGN_SECONDS + 1 }
    const refused = { name: 'StoreError', kind: 'unsupported' }
    const { capabilities, presignGet, presignPut, presignPost } = bench.store
    await expect(presignGet(key, tooLong)).rejects.toMatchObject(refused)
    if (capabilities.presignedPut) {
      await expect(presignPut(key, { ...tooLong, sizeBytes: 1 })).rejects.toMatchObject(refused)
    }
    if (capabilities.presignedPost) {
      await expect(presignPost(key, { ...tooLong, minBytes: 0, maxBytes: 1 })).rejects.toMatchObject(refused)
    }
    await presignGet(key, { expiresInSeconds: MAX_PRESIGN_SECONDS })
  })
}

function describePuts(bench: Bench): void {
  const bytes = randomBytes(100_000)
  const signed = async (context: TestContext) => {
    needs(bench, context, (can) => can.presignedPut)
    const prefix = bench.prefix()
    const options = { expiresInSeconds: 60, sizeBytes: bytes.length, sha256: digest(bytes), contentType: 'image/png' }
    return { prefix, key: `${prefix}mine`, request: await bench.store.presignPut(`${prefix}mine`, options) }
  }
  const unbound = (what: 'size' | 'hash' | 'type' | 'headers' | 'reuse') => {
    return !!bench.subject.limits?.presignedPut?.includes(what)
  }

  test('stores an object by a presigned request', async (context) => {
    const { key, request } = await signed(context)
    expect(request.method).toBe('PUT')
    expectExpiry(request.expiresAt, 60)
    expect((await send(request, bytes)).ok).toBe(true)
    expect(digest(await bench.read(key))).toBe(digest(bytes))
    const info = await bench.store.head(key)
    expect(info).toMatchObject({ storedBytes: bytes.length, unfinished: false })
    if (bench.store.capabilities.metadata) expect(info).toMatchObject({ contentType: 'image/png' })
  })

  test('stores an empty object by a presigned request that names no hash and no type', async (context) => {
    needs(bench, context, (can) => can.presignedPut)
    const key = `${bench.prefix()}empty`
    const request = await bench.store.presignPut(key, { expiresInSeconds: 60, sizeBytes: 0 })
    expect((await send(request, Buffer.alloc(0))).ok).toBe(true)
    expect(await bench.store.head(key)).toMatchObject({ storedBytes: 0 })
  })

  test('signs no checksum of an empty body', async (context) => {
    const { prefix, request } = await signed(context)
    expectNoEmptyChecksum(request)
    expectNoEmptyChecksum(await bench.store.presignPut(`${prefix}plain`, { expiresInSeconds: 60, sizeBytes: 5 }))
  })

  test.for([
    ['shorter', bytes.length - 1],
    ['longer', bytes.length + 1],
    ['empty', 0],
  ] as const)('refuses a body that is %s than was signed, and stores nothing', async ([, sizeBytes], context) => {
    const { key, request } = await signed(context)
    context.skip(unbound('size'), 'this store does not bind the size')
    await expectRefused(send(request, randomBytes(sizeBytes)))
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test('refuses a body of another hash than was signed, and stores nothing', async (context) => {
    const { key, request } = await signed(context)
    context.skip(unbound('hash'), 'this store does not bind the hash')
    await expectRefused(send(request, randomBytes(bytes.length)))
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test('refuses another media type than was signed, and stores nothing', async (context) => {
    const { key, request } = await signed(context)
    context.skip(unbound('type'), 'this store does not bind the media type')
    const name = Object.keys(request.headers).find((header) => header.toLowerCase().endsWith('content-type'))!
    await expectRefused(send(request, bytes, { [name]: 'text/html' }))
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test('refuses a request without a header that was signed, and stores nothing', async (context) => {
    const { key, request } = await signed(context)
    context.skip(unbound('headers'), 'this store signs no headers')
    for (const name of Object.keys(request.headers)) {
      const { [name]: _left, ...headers } = request.headers
      await expectRefused(send({ ...request, headers }, bytes))
      expect(await bench.store.head(key)).toBeUndefined()
    }
  })

  test('refuses a second use, and any use where an object lies, and keeps that', async (context) => {
    const { key, request } = await signed(context)
    context.skip(unbound('reuse'), 'this store does not bind a request to a free key')
    expect((await send(request, bytes)).ok).toBe(true)
    await expectRefused(send(request, bytes))
    expect(digest(await bench.read(key))).toBe(digest(bytes))
  })

  test('refuses a presigned write that was changed: its key, its method or anything in its query', async (context) => {
    const { prefix, key, request } = await signed(context)
    await expectRefused(send(forKey(request, 'mine', 'other'), bytes))
    for (const changed of tampered(request)) await expectRefused(send(changed, bytes))
    await bench.put(`${prefix}there`, Buffer.from('x'))
    await expectRefused(fetch(forKey(request, 'mine', 'there').url, { method: 'DELETE', headers: request.headers }))
    await expectRefused(fetch(request.url, { headers: request.headers }))
    expect(await bench.store.head(key)).toBeUndefined()
    expect((await bench.listAll(prefix)).map((info) => info.key)).toEqual([`${prefix}there`])
  })
}

/** Sends a presigned form as a browser would: its fields, then the file. */
export async function post(form: SignedForm, bytes: Buffer, changed: Record<string, string> = {}): Promise<Response> {
  const data = new FormData()
  for (const [name, value] of Object.entries({ ...form.fields, ...changed })) data.append(name, value)
  data.append('file', new Blob([new Uint8Array(bytes)]), 'file.bin')
  return fetch(form.url, { method: 'POST', body: data, redirect: 'manual' })
}

function describePosts(bench: Bench): void {
  const bytes = randomBytes(5000)
  const signed = async (context: TestContext, options: Partial<PresignPostOptions> = {}) => {
    needs(bench, context, (can) => can.presignedPost)
    const prefix = bench.prefix()
    const sizes = { minBytes: 1000, maxBytes: 10_000 }
    const told = { expiresInSeconds: 60, contentType: 'image/png', ...sizes, ...options }
    return { prefix, form: await bench.store.presignPost(`${prefix}mine/`, told) }
  }
  const expectNothing = async (prefix: string) => expect(await bench.listAll(prefix)).toEqual([])

  test('stores an object by a presigned form, under the key that it names', async (context) => {
    const { prefix, form } = await signed(context)
    expectExpiry(form.expiresAt, 60)
    expect(form.fields['key']).toBe(`${prefix}mine/content`)
    expect((await post(form, bytes)).ok).toBe(true)
    expect(digest(await bench.read(`${prefix}mine/content`))).toBe(digest(bytes))
    if (bench.store.capabilities.metadata) {
      expect(await bench.store.head(`${prefix}mine/content`)).toMatchObject({ contentType: 'image/png' })
    }
  })

  test('takes another key with the same beginning, and the smallest and largest sizes', async (context) => {
    const { prefix, form } = await signed(context)
    expect((await post(form, randomBytes(1000), { key: `${prefix}mine/small` })).ok).toBe(true)
    expect((await post(form, randomBytes(10_000), { key: `${prefix}mine/large` })).ok).toBe(true)
    expect(await bench.listAll(prefix)).toHaveLength(2)
  })

  test('takes any media type where none was named', async (context) => {
    const { prefix, form } = await signed(context, { contentType: undefined })
    expect((await post(form, bytes, { key: `${prefix}mine/none` })).ok).toBe(true)
    expect((await post(form, bytes, { 'Content-Type': 'text/csv' })).ok).toBe(true)
  })

  test.for([
    ['too small', 999],
    ['too large', 10_001],
    ['far too large', 3_000_000],
    ['empty', 0],
  ] as const)('refuses a file that is %s for its form, and leaves nothing', async ([, size], context) => {
    const { prefix, form } = await signed(context)
    // A store may close the connection on a file that is far too large before it has read it.
    const status = await post(form, randomBytes(size)).then(
      (response) => response.status,
      () => 400,
    )
    expect(status).toBeGreaterThanOrEqual(400)
    await expectNothing(prefix)
  })

  test('refuses a key that begins otherwise, and another media type', async (context) => {
    const { prefix, form } = await signed(context)
    await expectRefused(post(form, bytes, { key: `${prefix}other/content` }))
    await expectRefused(post(form, bytes, { 'Content-Type': 'text/html' }))
    await expectNothing(prefix)
  })

  test('refuses a form whose policy or whose signature was changed', async (context) => {
    const { prefix, form } = await signed(context)
    const large = randomBytes(20_000)
    const policyName = Object.keys(form.fields).find((name) => name.toLowerCase() === 'policy')!
    const policy = Buffer.from(form.fields[policyName]!, 'base64').toString()
    const wider = Buffer.from(policy.replace('10000', '90000')).toString('base64')
    expect(wider).not.toBe(form.fields[policyName])
    await expectRefused(post(form, large, { [policyName]: wider }))
    const signatureName = Object.keys(form.fields).find((name) => name.toLowerCase().endsWith('signature'))!
    const signature = form.fields[signatureName]!
    const other = (signature.startsWith('0') ? '1' : '0') + signature.slice(1)
    await expectRefused(post(form, bytes, { [signatureName]: other }))
    const { [policyName]: _policy, ...fields } = form.fields
    await expectRefused(post({ ...form, fields }, large))
    await expectNothing(prefix)
  })
}

function describeExpiry(bench: Bench): void {
  test('refuses every presigned request and form once its time is over', async (context) => {
    needs(bench, context, (can) => can.presignedGet)
    const { store } = bench
    const { presignedPut, presignedPost, presignedParts } = store.capabilities
    const prefix = bench.prefix()
    const told = { expiresInSeconds: 1, sizeBytes: 5 }
    await bench.put(`${prefix}get`, Buffer.from('there'))
    const get = await store.presignGet(`${prefix}get`, told)
    const put = presignedPut ? await store.presignPut(`${prefix}put`, told) : undefined
    const form = presignedPost
      ? await store.presignPost(`${prefix}post/`, { ...told, minBytes: 0, maxBytes: 9 })
      : undefined
    const reference = presignedParts ? await store.startParts(`${prefix}parts`, {}) : undefined
    const part = reference && (await store.presignPart(`${prefix}parts`, { ...told, reference, number: 1 }))
    await wait(3000)
    await expectRefused(send(get))
    if (put) await expectRefused(send(put, Buffer.from('12345')))
    if (form) await expectRefused(post(form, Buffer.from('12345')))
    if (part) await expectRefused(send(part, Buffer.from('12345')))
    if (reference) expect(await store.listParts(`${prefix}parts`, { reference })).toEqual([])
    await store.abandon(`${prefix}parts`)
    expect((await bench.listAll(prefix)).map((info) => info.key)).toEqual([`${prefix}get`])
  })
}

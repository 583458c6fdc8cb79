import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Api, created, expectProblem, openOrganization, type Shown, sha256Of } from './api.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const MIB = 1024 * 1024
const served = await serve()
const attacker = await openOrganization(served)
const victim = await openOrganization(served)

type Strategy = 'single-put' | 'post-policy' | 'multipart'
const strategies: Strategy[] = ['single-put', 'post-policy', 'multipart']
const SIZES: Record<Strategy, number> = { 'single-put': 200_000, 'post-policy': 200_000, multipart: 9 * MIB }

interface Signed {
  method?: string
  url: string
  headers?: Record<string, string>
}

interface Form {
  url: string
  fields: Record<string, string>
}

function textOf(sizeBytes: number): Buffer {
  return Buffer.from(randomBytes(sizeBytes).toString('base64url').slice(0, sizeBytes))
}

/** As long as a text, and no text. */
function programOf(sizeBytes: number): Buffer {
  return Buffer.concat([Buffer.from('7f454c46020101000000000000000000', 'hex'), randomBytes(sizeBytes - 16)])
}

function put({ url, headers = {} }: Signed, bytes: Uint8Array): Promise<Response> {
  return fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) })
}

/** In one piece: a server that refuses the first of several may have let go before the last is written. */
async function postForm({ url, fields }: Form, bytes: Uint8Array): Promise<Response> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new File([new Uint8Array(bytes)], 'a.txt', { type: fields['Content-Type'] ?? 'text/plain' }))
  const whole = new Response(form)
  const headers = { 'content-type': whole.headers.get('content-type') as string }
  return fetch(url, { method: 'POST', headers, body: await whole.arrayBuffer() })
}

async function begin(sizeBytes: number, fields: object = {}, { owner }: { owner: Api } = attacker): Promise<Shown> {
  return created(await owner.post('/v1/uploads', { name: 'a.txt', sizeBytes, ...fields }))
}

async function signPart(id: string, number: number, { owner }: { owner: Api } = attacker): Promise<Signed> {
  return (await owner.post(`/v1/uploads/${id}/parts`, { numbers: [number] })).body.items[0]
}

/** Sends all of it. The last request comes back, so that it may be sent again with `bytes` of another file. */
async function sendAll(upload: Shown, bytes: Buffer): Promise<(bytes: Buffer) => Promise<Response>> {
  const again = await lastRequest(upload)
  if (upload.strategy === 'multipart') {
    const first = await signPart(upload.id, 1)
    expect((await put(first, bytes.subarray(0, upload.partBytes))).ok).toBe(true)
  }
  expect((await again(bytes)).ok).toBe(true)
  return again
}

async function lastRequest(upload: Shown): Promise<(bytes: Buffer) => Promise<Response>> {
  if (upload.strategy === 'single-put') return (bytes) => put(upload.request, bytes)
  if (upload.strategy === 'post-policy') return (bytes) => postForm(upload.form, bytes)
  const last = await signPart(upload.id, upload.partCount)
  return (bytes) => put(last, bytes.subarray((upload.partCount - 1) * upload.partBytes))
}

async function ended(id: string): Promise<Shown> {
  return poll(async () => {
    const { body } = await attacker.owner.get(`/v1/uploads/${id}`)
    return (body.state === 'done' || body.state === 'failed') && body
  })
}

async function complete(id: string): Promise<Shown> {
  expect(await attacker.owner.post(`/v1/uploads/${id}/complete`)).toMatchObject({ status: 202 })
  return ended(id)
}

async function readBack(assetId: string): Promise<{ asset: Shown; bytes: Buffer }> {
  const { body: asset } = await attacker.owner.get(`/v1/assets/${assetId}`)
  const response = await attacker.owner.send(`/v1/assets/${assetId}/content`, { redirect: 'follow' })
  expect(response.status).toBe(200)
  return { asset, bytes: Buffer.from(await response.arrayBuffer()) }
}

/** Refused by whoever it was sent to, and not for want of an answer. */
async function expectRefused(sent: Promise<Response>): Promise<void> {
  const { status } = await sent
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
}

async function expectIncomplete(upload: Shown, { owner }: { owner: Api } = attacker): Promise<void> {
  expectProblem(await owner.post(`/v1/uploads/${upload.id}/complete`), 409, 'upload.incomplete')
}

/** Another text that begins alike, so that an upload in parts differs in its last one alone. */
function likeIt(bytes: Buffer, other: Buffer, strategy: Strategy): Buffer {
  if (strategy !== 'multipart') return other
  return Buffer.concat([bytes.subarray(0, 8 * MIB), other.subarray(8 * MIB)])
}

describe.each(strategies)('a %s upload', (strategy) => {
  const sizeBytes = SIZES[strategy]

  test('keeps what was checked when its request is sent again afterwards', async () => {
    const bytes = textOf(sizeBytes)
    const upload = await begin(sizeBytes, { strategy })
    const again = await sendAll(upload, bytes)
    const { assetId } = await complete(upload.id)
    for (const other of [textOf(sizeBytes), programOf(sizeBytes)]) await again(other)
    const kept = await readBack(assetId)
    expect(kept.asset).toMatchObject({ version: 1, sha256: sha256Of(bytes) })
    expect(kept.bytes.equals(bytes)).toBe(true)
    expect(await complete(upload.id)).toMatchObject({ state: 'done', assetId })
    expect((await readBack(assetId)).asset.version).toBe(1)
  })

  test('is one file whole, and the one that its hash says, when it is sent again and again while it is checked', async () => {
    const [one, another] = [textOf(sizeBytes), textOf(sizeBytes)]
    const other = likeIt(one, another, strategy)
    const endings = await Promise.all(Array.from({ length: 2 }, () => swapWhileChecked(strategy, one, other)))
    for (const ending of endings) {
      expect(ending).toMatchObject({ state: 'done', problem: null })
      const { asset, bytes } = await readBack(ending.assetId)
      expect(sha256Of(bytes)).toBe(asset.sha256)
      expect([sha256Of(one), sha256Of(other)]).toContain(asset.sha256)
    }
  })

  test('is not completed when nothing was sent, nor by another organization', async () => {
    const upload = await begin(sizeBytes, { strategy })
    await expectIncomplete(upload)
    expectProblem(await victim.owner.post(`/v1/uploads/${upload.id}/complete`), 404, 'upload.notFound')
  })

  test('makes nothing of what is sent after it was cancelled', async () => {
    const upload = await begin(sizeBytes, { strategy })
    const send = await lastRequest(upload)
    expect((await attacker.owner.remove(`/v1/uploads/${upload.id}`)).status).toBe(204)
    await send(textOf(sizeBytes))
    expectProblem(await attacker.owner.post(`/v1/uploads/${upload.id}/complete`), 404, 'upload.notFound')
    expectProblem(await attacker.owner.get(`/v1/uploads/${upload.id}`), 404, 'upload.notFound')
  })
})

describe.each(['single-put', 'post-policy'] as const)('a %s upload of a text', (strategy) => {
  test('keeps no program that takes its place while it is checked', async () => {
    const [text, program] = [textOf(SIZES[strategy]), programOf(SIZES[strategy])]
    const endings = await Promise.all(Array.from({ length: 8 }, () => swapWhileChecked(strategy, text, program)))
    for (const ending of endings) {
      if (ending.state === 'failed') expect(ending.problem).toMatchObject({ status: 415 })
      else expect(sha256Of((await readBack(ending.assetId)).bytes)).toBe(sha256Of(text))
    }
  })
})

/** Sends both files in turn from before the upload is completed until it has ended. */
async function swapWhileChecked(strategy: Strategy, one: Buffer, other: Buffer): Promise<Shown> {
  const upload = await begin(one.length, { strategy })
  const again = await sendAll(upload, one)
  let swapping = true
  const swap = async () => {
    for (let turn = 0; swapping; turn += 1) {
      await again(turn % 2 === 0 ? other : one).then((response) => response.arrayBuffer())
      await wait(Math.random() * 5)
    }
  }
  const swaps = swap()
  // What was put off because it had just been changed is tried again, and ends once it rests.
  const rest = setTimeout(() => {
    swapping = false
  }, 4000)
  try {
    return await complete(upload.id)
  } finally {
    clearTimeout(rest)
    swapping = false
    await swaps
  }
}

/** The same address as if it were another's: the organization, the upload and its name in the store changed. */
function turnedTo(text: string, from: Shown, to: Shown): string {
  return text.replaceAll(attacker.slug, victim.slug).replaceAll(from.id, to.id)
}

function changed(url: string, name: string, value: string | null): string {
  const made = new URL(url)
  if (value === null) made.searchParams.delete(name)
  else made.searchParams.set(name, value)
  return made.href
}

describe('a signed request', () => {
  const bytes = textOf(1000)

  test('stores nothing under the prefix of another organization', async () => {
    const [mine, theirs] = [await begin(1000), await begin(1000, {}, victim)]
    const url = turnedTo(mine.request.url, mine, theirs)
    expect(url).not.toBe(mine.request.url)
    await expectRefused(put({ ...mine.request, url }, bytes))
    const elsewhere = mine.request.url.replace(mine.id, theirs.id)
    await expectRefused(put({ ...mine.request, url: elsewhere }, bytes))
    await expectIncomplete(theirs, victim)
    await expectIncomplete(mine)
  })

  test('is refused when anything in it is changed or left out, and when it is used for another method', async () => {
    const mine = await begin(1000)
    const { url } = mine.request
    for (const [name, value] of new URL(url).searchParams) {
      await expectRefused(put({ ...mine.request, url: changed(url, name, `${value}1`) }, bytes))
      await expectRefused(put({ ...mine.request, url: changed(url, name, null) }, bytes))
    }
    for (const method of ['GET', 'DELETE', 'POST']) {
      await expectRefused(fetch(url, { method, ...(method === 'POST' && { body: new Uint8Array(bytes) }) }))
    }
    await expectIncomplete(mine)
    expect((await put(mine.request, bytes)).ok).toBe(true)
    expect(await complete(mine.id)).toMatchObject({ state: 'done' })
  })

  test('for a part sends none to the upload of another organization', async () => {
    const announced = { strategy: 'multipart' }
    const [mine, theirs] = [await begin(9 * MIB, announced), await begin(9 * MIB, announced, victim)]
    const [part, foreign] = [await signPart(mine.id, 2), await signPart(theirs.id, 2, victim)]
    await expectRefused(put({ ...part, url: turnedTo(part.url, mine, theirs) }, textOf(MIB)))
    // Where parts go straight to S3, their upload has a name of its own there.
    const reference = new URL(foreign.url).searchParams.get('uploadId')
    if (reference) await expectRefused(put({ ...part, url: changed(part.url, 'uploadId', reference) }, textOf(MIB)))
    const { body } = await victim.owner.get(`/v1/uploads/${theirs.id}/parts`)
    expect(body.items).toEqual([])
    expectProblem(await attacker.owner.get(`/v1/uploads/${theirs.id}/parts`), 404, 'upload.notFound')
    const asked = await attacker.owner.post(`/v1/uploads/${theirs.id}/parts`, { numbers: [1] })
    expectProblem(asked, 404, 'upload.notFound')
  })

  test('for a part counts for nothing with another size, or as another part', async () => {
    const mine = await begin(9 * MIB, { strategy: 'multipart' })
    const part = await signPart(mine.id, 2)
    const asFirst = part.url.replace('partNumber=2', 'partNumber=1').replace('/parts/2', '/parts/1')
    if (asFirst !== part.url) await expectRefused(put({ ...part, url: asFirst }, textOf(MIB)))
    expect((await put(await signPart(mine.id, 1), textOf(8 * MIB))).ok).toBe(true)
    for (const sizeBytes of [MIB - 1, MIB + 1]) {
      await put(part, textOf(sizeBytes)) // refused where the store can be told a size
      await expectIncomplete(mine)
    }
  })
})

describe('a signed form', () => {
  const announced = { strategy: 'post-policy', mediaType: 'text/plain' }

  async function expectFormRefused(change: (form: Form, upload: Shown) => Form, bytes = textOf(1000)): Promise<void> {
    const upload = await begin(1000, announced)
    const form = change(upload.form, upload)
    await expectRefused(postForm(form, bytes))
    await expectIncomplete(upload)
  }

  test.each([
    ['a byte too many', 1001],
    ['a mebibyte too many', 1000 + MIB],
    ['nothing', 0],
  ])('is refused with %s', (_, sizeBytes) => expectFormRefused((form) => form, textOf(sizeBytes)))

  test('is refused under the prefix of another organization', async () => {
    const theirs = await begin(1000, announced, victim)
    await expectFormRefused(({ url, fields }, mine) => ({
      url: 'key' in fields ? url : turnedTo(url, mine, theirs),
      fields: Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [name, name === 'key' ? turnedTo(value, mine, theirs) : value]),
      ),
    }))
    await expectIncomplete(theirs, victim)
  })

  test('is refused under a name outside of its own folder', async () => {
    const upload = await begin(1000, announced)
    const { key } = upload.form.fields
    if (key === undefined) return // the service's own form has no name to choose
    for (const name of ['x', `${attacker.slug}/x`, key.replace('staging/', ''), `${key.split('/')[0]}/x`]) {
      await expectRefused(postForm({ ...upload.form, fields: { ...upload.form.fields, key: name } }, textOf(1000)))
    }
    await expectIncomplete(upload)
  })

  test('is refused with any of its fields, or of its address, changed or left out', async () => {
    const { form } = await begin(1000, announced)
    // The bucket stands in the address too, where it counts; the name is another rule's.
    for (const name of Object.keys(form.fields).filter((field) => field !== 'key' && field !== 'bucket')) {
      await expectFormRefused(({ url, fields }) => ({ url, fields: { ...fields, [name]: `${fields[name]}1` } }))
      await expectFormRefused(({ url, fields: { [name]: _left, ...rest } }) => ({ url, fields: rest }))
    }
    for (const name of new URL(form.url).searchParams.keys()) {
      await expectFormRefused(({ url, fields }) => ({ url: changed(url, name, null), fields }))
      await expectFormRefused(({ url, fields }) => {
        return { url: changed(url, name, `${new URL(url).searchParams.get(name)}1`), fields }
      })
    }
  })

  test('is refused with another type than was announced, by the store or by the check', async () => {
    const upload = await begin(1000, announced)
    if (upload.form.fields['Content-Type'] !== undefined) {
      const fields = { ...upload.form.fields, 'Content-Type': 'image/png' }
      await expectRefused(postForm({ ...upload.form, fields }, textOf(1000)))
    }
    await postForm(upload.form, programOf(1000))
    expect(await complete(upload.id)).toMatchObject({ state: 'failed', assetId: null, problem: { status: 415 } })
  })
})

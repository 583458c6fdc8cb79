import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { expectProblem, openOrganization, sha256Of } from './api.ts'
import { serve } from './server.ts'
import { append, appendCut, begin, complete, contentOf, OFFSET_TYPE, offsetOf, openAppend, tus } from './tus.ts'

const served = await serve()
const { owner } = await openOrganization(served)
const MIB = 1024 * 1024

function checksum(algorithm: string, bytes: Buffer): string {
  return `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`
}

describe('the bytes of a resumable upload', () => {
  test('are refused at another offset, repeated or out of order, and nothing changes', async () => {
    const bytes = randomBytes(90_000)
    const path = await begin(owner, bytes.length)
    const piece = (index: number) => bytes.subarray(index * 30_000, (index + 1) * 30_000)
    const early = await append(owner, path, 30_000, piece(1))
    expectProblem(early, 409, 'upload.wrongOffset')
    expect(early.body.offset).toBe(0)
    expect((await append(owner, path, 0, piece(0))).status).toBe(204)
    const again = await append(owner, path, 0, piece(0))
    expectProblem(again, 409, 'upload.wrongOffset')
    expect(again.body.offset).toBe(30_000)
    expectProblem(await append(owner, path, 60_000, piece(2)), 409, 'upload.wrongOffset')
    await append(owner, path, 30_000, piece(1))
    const last = await append(owner, path, 60_000, piece(2))
    expect((await contentOf(owner, last.headers.get('stowage-asset') as string)).equals(bytes)).toBe(true)
    const repeated = await append(owner, path, 60_000, piece(2))
    expectProblem(repeated, 409, 'upload.wrongOffset')
    expect(repeated.body.offset).toBe(90_000)
  })

  test('are refused beyond the size that was said, and none of them is kept', async () => {
    const path = await begin(owner, 1000)
    expectProblem(await append(owner, path, 0, randomBytes(1001)), 400, 'upload.wrongSize')
    const chunked = await owner.send(path, {
      method: 'PATCH',
      headers: { 'tus-resumable': '1.0.0', 'content-type': OFFSET_TYPE, 'upload-offset': '0' },
      body: new Blob([randomBytes(600), randomBytes(600)]).stream(),
      duplex: 'half',
    })
    expect(chunked.status).toBe(400)
    expect(await chunked.json()).toMatchObject({ code: 'upload.wrongSize', expected: 1000 })
    expect(await offsetOf(owner, path)).toBe(0)
  })

  test('are refused beyond what a file may have, though its size was not said', async () => {
    const path = await begin(owner, undefined, { assetType: 'user_avatar', filename: 'a.png' })
    const size = { 'upload-length': String(10 ** 12) }
    expectProblem(await append(owner, path, 0, Buffer.from('a'), size), 413, 'upload.tooLarge')
    expectProblem(await append(owner, path, 0, randomBytes(11 * MIB)), 413, 'upload.tooLarge')
    expect(await offsetOf(owner, path)).toBe(0)
  })

  test('must come as what they are', async () => {
    const path = await begin(owner, 5)
    const bytes = Buffer.from('abcde')
    const typed = await append(owner, path, 0, bytes, { 'content-type': 'application/octet-stream' })
    expectProblem(typed, 415, 'request.unsupportedType')
    const headers = { 'content-type': OFFSET_TYPE }
    expectProblem(await tus(owner, 'PATCH', path, headers, bytes), 400, 'request.invalid')
    expectProblem(await append(owner, path, 0, bytes, { 'upload-offset': '-1' }), 400, 'request.invalid')
  })

  test('are kept only if they have the checksum that was said', async () => {
    const bytes = randomBytes(30_000)
    const path = await begin(owner, bytes.length)
    const piece = (index: number) => bytes.subarray(index * 10_000, (index + 1) * 10_000)
    const send = (index: number, said: string) =>
      append(owner, path, index * 10_000, piece(index), { 'upload-checksum': said })
    expectProblem(await send(0, checksum('sha1', piece(1))), 460, 'upload.checksumMismatch')
    expect(await offsetOf(owner, path)).toBe(0)
    expectProblem(await send(0, checksum('sha256', piece(0)).replace('sha256', 'crc7')), 400, 'request.invalid')
    expectProblem(await send(0, 'sha1 ???'), 400, 'request.invalid')
    for (const [index, algorithm] of ['sha1', 'sha256', 'md5'].entries())
      expect((await send(index, checksum(algorithm, piece(index)))).status).toBe(204)
    expect((await contentOf(owner, await complete(owner, path, bytes))).equals(bytes)).toBe(true)
  })

  test('that have a checksum are kept whole or not at all', async () => {
    const bytes = randomBytes(100_000)
    const path = await begin(owner, bytes.length)
    const sending = openAppend(owner, path, 0, bytes, { 'upload-checksum': checksum('sha1', bytes) })
    sending.write(bytes.subarray(0, 60_000))
    await wait(200)
    sending.destroy()
    expect(await offsetOf(owner, path)).toBe(0)
    expect((await contentOf(owner, await complete(owner, path, bytes))).equals(bytes)).toBe(true)
  })

  test('that had arrived are kept when the connection is cut, and exactly those', async () => {
    const bytes = randomBytes(6 * MIB)
    const path = await begin(owner, bytes.length)
    let kept = 0
    for (let cut = 0; cut < 12; cut += 1) {
      const offset = await offsetOf(owner, path)
      expect(offset).toBeGreaterThanOrEqual(kept)
      kept = offset
      const rest = bytes.subarray(offset)
      await appendCut(owner, path, offset, rest, Math.ceil(Math.random() * Math.min(rest.length - 1, 900_000)))
    }
    expect(await offsetOf(owner, path)).toBeGreaterThan(0)
    expect(sha256Of(await contentOf(owner, await complete(owner, path, bytes)))).toBe(sha256Of(bytes))
  })

  test('go on by a newer request, though an older one was never ended', async () => {
    const bytes = randomBytes(400_000)
    const path = await begin(owner, bytes.length)
    const stuck = openAppend(owner, path, 0, bytes)
    const answered = once(stuck, 'response') as Promise<[IncomingMessage]>
    stuck.write(bytes.subarray(0, 150_000))
    await wait(500)
    const offset = await offsetOf(owner, path)
    expect(offset).toBeLessThanOrEqual(150_000)
    expect((await answered)[0].statusCode).toBe(423)
    const last = await append(owner, path, offset, bytes.subarray(offset))
    expect((await contentOf(owner, last.headers.get('stowage-asset') as string)).equals(bytes)).toBe(true)
    stuck.destroy()
  })

  test('may be given by a request whose connection a newer request at the same offset takes the place of', async () => {
    const bytes = randomBytes(400_000)
    const path = await begin(owner, bytes.length)
    const stuck = openAppend(owner, path, 0, bytes)
    stuck.write(bytes.subarray(0, 150_000))
    await wait(500)
    const newer = await append(owner, path, 0, bytes)
    // What the older one had sent is kept, so the newer one sends from there.
    expectProblem(newer, 409, 'upload.wrongOffset')
    const last = await append(owner, path, newer.body.offset, bytes.subarray(newer.body.offset))
    expect((await contentOf(owner, last.headers.get('stowage-asset') as string)).equals(bytes)).toBe(true)
    stuck.destroy()
  })

  test('come out exact when several requests send them at the same time', async () => {
    const bytes = randomBytes(3 * MIB)
    const path = await begin(owner, bytes.length)
    const assets = await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (;;) {
          const offset = await offsetOf(owner, path)
          const end = Math.min(bytes.length, offset + 500_000)
          const answer = await append(owner, path, offset, bytes.subarray(offset, end)).catch(() => undefined)
          if (answer) expect([204, 409, 423]).toContain(answer.status)
          const done = (await tus(owner, 'HEAD', path)).headers.get('stowage-asset')
          if (done) return done
        }
      }),
    )
    expect(new Set(assets).size).toBe(1)
    expect(sha256Of(await contentOf(owner, assets[0] as string))).toBe(sha256Of(bytes))
  })
})

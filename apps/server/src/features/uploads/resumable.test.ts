import { randomBytes, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, configFor, openService, type Service } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { withClient } from '../../platform/database/client.ts'

const TUS = { 'tus-resumable': '1.0.0' }
const METADATA = `filename ${Buffer.from('a.bin').toString('base64')},assetType ${Buffer.from('backup_file').toString('base64')}`

let shiftMs = 0
let one: TestService
let other: Service

beforeAll(async () => {
  const clock = () => new Date(Date.now() + shiftMs)
  one = await startTestService({ clock })
  const settings = { STOWAGE_STALL_SECONDS: '1', STOWAGE_PUBLIC_URL: 'https://files.example/under/here/' }
  other = await openService(one.foundation, one.adminKey, configFor(one.data, settings), clock)
})
afterAll(async () => {
  await other?.stop()
  await one?.stop()
})

async function begin(sizeBytes: number): Promise<string> {
  const headers = { ...TUS, 'upload-length': String(sizeBytes), 'upload-metadata': METADATA }
  const answer = await one.call('/v1/uploads/resumable', { method: 'POST', headers })
  expect(answer.status).toBe(201)
  return new URL(answer.headers.get('location') as string).pathname
}

function append(service: Service, path: string, offset: number, bytes: Buffer): Promise<Answer> {
  const headers = { ...TUS, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' }
  return service.call(path, { method: 'PATCH', body: bytes, headers })
}

async function offsetAt(service: Service, path: string): Promise<number> {
  return Number((await service.call(path, { method: 'HEAD', headers: TUS })).headers.get('upload-offset'))
}

/** Begins to send all of the bytes, and stands still after `count` of them. */
function appendHalf(service: Service, path: string, bytes: Buffer, count: number) {
  const sending = request(new URL(path, service.url), {
    method: 'PATCH',
    headers: {
      ...TUS,
      authorization: `Bearer ${service.adminKey}`,
      'upload-offset': 0,
      'content-length': bytes.length,
      'content-type': 'application/offset+octet-stream',
    },
  })
  sending.on('error', () => undefined)
  sending.write(bytes.subarray(0, count))
  return sending
}

async function query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await withClient(one.database.owner, (client) => client.query(text, values))).rows
}

async function untilWriting(): Promise<void> {
  while ((await query('select from stowage.staged_upload where writer_until > now()')).length === 0) await wait(20)
}

describe('a resumable upload on several nodes', () => {
  test('takes its bytes through either, one request at a time', async () => {
    const bytes = randomBytes(300_000)
    const path = await begin(bytes.length)
    expect((await append(one, path, 0, bytes.subarray(0, 100_000))).status).toBe(204)
    expect(await offsetAt(other, path)).toBe(100_000)
    expect((await append(other, path, 100_000, bytes.subarray(100_000, 200_000))).status).toBe(204)
    expect((await append(other, path, 100_000, bytes.subarray(100_000, 200_000))).json.offset).toBe(200_000)
    const last = await append(one, path, 200_000, bytes.subarray(200_000))
    const { bytes: kept } = await other.call(`/v1/assets/${last.headers.get('stowage-asset')}/content`)
    expect(kept.equals(bytes)).toBe(true)
  })

  test('is busy elsewhere while one sends, which then ends and keeps what it has', async () => {
    const bytes = randomBytes(300_000)
    const path = await begin(bytes.length)
    const sending = appendHalf(one, path, bytes, 120_000)
    await untilWriting()
    const refused = await append(other, path, 0, bytes)
    expect(refused).toMatchObject({ status: 423, json: { code: 'upload.busy' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    let answer = refused
    while (answer.status === 423) {
      await wait(200)
      const offset = await offsetAt(other, path)
      answer = await append(other, path, offset, bytes.subarray(offset))
      if (answer.status === 409)
        answer = await append(other, path, answer.json.offset, bytes.subarray(answer.json.offset))
    }
    expect(answer.status).toBe(204)
    const { bytes: kept } = await one.call(`/v1/assets/${answer.headers.get('stowage-asset')}/content`)
    expect(kept.equals(bytes)).toBe(true)
    sending.destroy()
  })

  test('goes on once the lease of a node that died has ended', async () => {
    const bytes = randomBytes(1000)
    const path = await begin(bytes.length)
    const lease =
      'update stowage.staged_upload set writer = $1, writer_until = now() + make_interval(secs => $2) where state = $3'
    await query(lease, [randomUUID(), 60, 'open'])
    expect((await append(one, path, 0, bytes)).json.code).toBe('upload.busy')
    await query(lease, [randomUUID(), -1, 'open'])
    expect((await append(one, path, 0, bytes)).status).toBe(204)
  })

  test('keeps nothing of a request whose lease another one has taken', async () => {
    const bytes = randomBytes(200_000)
    const path = await begin(bytes.length)
    const sending = appendHalf(one, path, bytes, 100_000)
    await untilWriting()
    await query('update stowage.staged_upload set writer = $1 where state = $2', [randomUUID(), 'open'])
    const answered = new Promise<number | undefined>((settle) => {
      sending.on('response', (response) => settle(response.statusCode))
    })
    sending.end(bytes.subarray(100_000))
    expect(await answered).toBe(423)
    await query('update stowage.staged_upload set writer_until = now() where state = $1', ['open'])
    expect((await append(one, path, 0, bytes)).headers.get('stowage-asset')).toMatch(/^ast_/)
  })
})

describe('a resumable upload', () => {
  test('has an address below the public one, path included', async () => {
    const headers = { ...TUS, 'upload-length': '5', 'upload-metadata': METADATA }
    const answer = await other.call('/v1/uploads/resumable', { method: 'POST', headers })
    expect(answer.headers.get('location')).toBe(
      `https://files.example/under/here/v1/uploads/resumable/${answer.json.id}`,
    )
  })

  test('keeps what had arrived of a request that stands still, which is told so', async () => {
    const bytes = randomBytes(100_000)
    const path = await begin(bytes.length)
    const sending = appendHalf(other, path, bytes, 60_000)
    const status = await new Promise((settle) => sending.on('response', (response) => settle(response.statusCode)))
    expect(status).toBe(408)
    expect(await offsetAt(other, path)).toBe(60_000)
    expect((await append(other, path, 60_000, bytes.subarray(60_000))).headers.get('stowage-asset')).toMatch(/^ast_/)
  })

  test('expires, is removed with what had arrived, and gives back what it reserved', async () => {
    const path = await begin(1000)
    await append(one, path, 0, randomBytes(500))
    shiftMs = 25 * 3600 * 1000
    expect((await append(one, path, 500, randomBytes(500))).json.code).toBe('upload.expired')
    expect((await one.call(path, { method: 'HEAD', headers: TUS })).status).toBe(410)
    await query(`update stowage.staged_upload set due_at = now() where state <> 'done'`)
    await jobs.staged(one.app.worker)
    shiftMs = 0
    expect((await one.call(path, { method: 'HEAD', headers: TUS })).status).toBe(404)
    expect(await query('select from stowage.upload')).toEqual([])
    expect(
      await query(
        `select from stowage.staged_part p join stowage.copy c on c.id = p.copy_id where c.state = 'writing'`,
      ),
    ).toEqual([])
  })
})

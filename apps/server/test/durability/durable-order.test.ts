import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDataFolder } from '../data-folder.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { checkOrder, readTrace } from './system-calls.ts'

const TRACED = 'read,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,link,linkat,mkdir'
const FILE = { id: 'durable-file', kind: 'file', sizeBytes: 300_000 } as const
const PACK = { id: 'durable-pack', kind: 'pack', sizeBytes: 30_000 } as const
const ROW = { id: 'durable-row', kind: 'row', sizeBytes: 6000 } as const

let data: string

async function traced(smallObjectBytes: number, request: typeof FILE | typeof PACK | typeof ROW): Promise<string> {
  const file = join(data, `trace-${request.kind}`)
  const under = ['strace', '-f', '--seccomp-bpf', '-y', '-s', '600', '-o', file, '-e', `trace=${TRACED}`]
  const env = { STOWAGE_SMALL_OBJECT_BYTES: String(smallObjectBytes) }
  const server = await startServer({ data, env, under })
  try {
    await upload(server, 'warm-up', request.sizeBytes)
    await upload(server, request.id, request.sizeBytes)
  } finally {
    await server.stop()
  }
  return readFile(file, 'utf8')
}

async function upload(server: ServerProcess, id: string, sizeBytes: number): Promise<void> {
  const text = randomBytes(sizeBytes).toString('base64').slice(0, sizeBytes)
  const headers = { ...server.headers, 'content-type': 'text/plain', 'x-request-id': id }
  const answer = await fetch(`${server.url}/v1/assets?name=a.txt`, { method: 'POST', headers, body: text })
  expect(answer.status, await answer.text()).toBe(201)
}

beforeAll(async () => {
  const found = spawnSync('strace', ['--version'])
  if (found.error) throw new Error('These tests need strace: apt-get install strace', { cause: found.error })
  data = await newDataFolder()
})

afterAll(() => rm(data, { recursive: true, force: true }))

describe('an acknowledged upload', () => {
  test('kept as a file: bytes, sync, name (link and unlink, which unlike rename never replaces), folder sync, WAL sync, 201', async () => {
    const trace = await traced(0, FILE)
    expect(checkOrder(trace, FILE)).toBeUndefined()
    for (const [missing, complaint] of [
      [/\/objects\/\.tmp\//, /temporary file was not synced/],
      [/\/objects\/(?!\.tmp)/, /folder was not synced/],
      [/\/pg_wal\//, /log was not synced/],
    ] as const) {
      expect(checkOrder(withoutSyncs(trace, missing), FILE)).toMatch(complaint)
    }
  })

  test('kept in a pack: bytes, sync, WAL sync, 201', async () => {
    const trace = await traced(128 * 1024, PACK)
    expect(checkOrder(trace, PACK)).toBeUndefined()
    for (const [missing, complaint] of [
      [/\.pack$/, /pack was not synced/],
      [/\/pg_wal\//, /log was not synced/],
    ] as const) {
      expect(checkOrder(withoutSyncs(trace, missing), PACK)).toMatch(complaint)
    }
    const [named, written] = ['fsync', 'writev'].map((name) =>
      readTrace(trace).find((call) => call.name === name && /\/packs(\/[^/]+)?$/.test(call.path)),
    )
    expect(named?.ended).toBeLessThan(written?.begun as number)
  })

  test('kept in the database: WAL sync, 201', async () => {
    const trace = await traced(128 * 1024, ROW)
    expect(checkOrder(trace, ROW)).toBeUndefined()
    expect(checkOrder(withoutSyncs(trace, /\/pg_wal\//), ROW)).toMatch(/log was not synced/)
  })
})

/** The same trace as a server would leave that does not sync what lies there. */
function withoutSyncs(trace: string, where: RegExp): string {
  const lines = trace.split('\n')
  for (const call of readTrace(trace)) {
    if (!/^f(data)?sync$/.test(call.name) || !where.test(call.path)) continue
    lines[call.begun] = ''
    lines[call.ended] = ''
  }
  return lines.join('\n')
}

describe('checkOrder', () => {
  const request = { id: 'rq', kind: 'file', sizeBytes: 5 } as const
  const steps = {
    arrival: '10 read(20<socket:[1]>, "POST /v1/assets x-request-id: rq", 65536) = 40',
    write: '11 writev(21</d/objects/.tmp/a/t1>, [{iov_base="hello", iov_len=5}], 1) = 5',
    sync: '12 fdatasync(21</d/objects/.tmp/a/t1>) = 0',
    link: '11 link("/d/objects/.tmp/a/t1", "/d/objects/o/a") = 0',
    folder: '13 fsync(22</d/objects/o>) = 0',
    wal: '30 pwrite64(5</d/pg_wal/000000010000000000000001>, "x", 8192, 0) = 8192',
    walSync: '30 fdatasync(5</d/pg_wal/000000010000000000000001>) = 0',
    answer: '10 writev(20<socket:[1]>, [{iov_base="HTTP/1.1 201 Created x-request-id: rq", iov_len=9}], 1) = 9',
  }
  const complaintAbout = (lines: readonly string[]) => checkOrder(lines.join('\n'), request)

  test('is content with every step in its place', () => {
    expect(complaintAbout(Object.values(steps))).toBeUndefined()
  })

  test.each(Object.keys(steps) as (keyof typeof steps)[])('complains when %s is taken out', (step) => {
    const { [step]: _, ...others } = steps
    expect(complaintAbout(Object.values(others))).toBeDefined()
  })

  test.each(['sync', 'folder', 'walSync'] as const)('complains when %s fails', (step) => {
    const failed = { ...steps, [step]: steps[step].replace('= 0', '= -1 EIO (Input/output error)') }
    expect(complaintAbout(Object.values(failed))).toBeDefined()
  })

  test.each(['sync', 'folder', 'walSync'] as const)(
    'complains when %s has begun but not ended before the next',
    (step) => {
      const { answer, ...others } = steps
      const begun = { ...others, [step]: steps[step].replace(') = 0', ' <unfinished ...>') }
      const name = step === 'folder' ? 'fsync' : 'fdatasync'
      const thread = steps[step].slice(0, 2)
      const late = `${thread} <... ${name} resumed>) = 0`
      expect(complaintAbout([...Object.values(begun), answer, late])).toBeDefined()
    },
  )

  test('complains when bytes are written after the sync', () => {
    const { write, sync, ...others } = steps
    const { arrival, ...rest } = others
    expect(complaintAbout([arrival, write, sync, write, ...Object.values(rest)])).toMatch(/after its last write/)
  })

  test('complains when a folder was made and the one above it was not synced', () => {
    const { arrival, ...rest } = steps
    const mkdir = '11 mkdir("/d/objects/o", 0700) = 0'
    expect(complaintAbout([arrival, mkdir, ...Object.values(rest)])).toMatch(/mkdir/)
    const { folder, ...before } = rest
    const { wal, walSync, answer, ...start } = before
    const above = folder.replace('/d/objects/o', '/d/objects')
    expect(
      complaintAbout([arrival, mkdir, ...Object.values(start), folder, above, wal, walSync, answer]),
    ).toBeUndefined()
  })
})

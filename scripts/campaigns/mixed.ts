import { createHash, randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Answer, type Caller, newText, uploadText } from '../../apps/server/test/service.ts'
import { openStoreSettings } from '../../apps/server/test/store-settings.ts'
import { startChildServer } from './child-server.ts'

const MEBIBYTE = 1024 * 1024
const ASSETS = 20
const CALLERS = 8
const CALLER_MIB = 10
const SHOWN_FAULTS = 20

export interface MixedFigures {
  operations: number
  seconds: number
  byKind: Record<string, number>
  faults: string[]
}

interface Kept {
  id: string
  bytes: Buffer
}

type Operation = (call: Caller, kept: Kept) => Promise<string | undefined>

const operations: Record<string, Operation> = {
  upload: async (call) => expected(await uploadText(call, newText(20 + Math.floor(Math.random() * 300_000))), 201),
  download: async (call, kept) => {
    const answer = await call(`/v1/assets/${kept.id}/content`)
    return expected(answer, 200) ?? (answer.bytes.equals(kept.bytes) ? undefined : 'other bytes came back')
  },
  range: async (call, kept) => {
    const start = Math.floor(Math.random() * (kept.bytes.length - 100))
    const answer = await call(`/v1/assets/${kept.id}/content`, { headers: { range: `bytes=${start}-${start + 99}` } })
    const wanted = kept.bytes.subarray(start, start + 100)
    return expected(answer, 206) ?? (answer.bytes.equals(wanted) ? undefined : 'another range came back')
  },
  list: async (call) => expected(await call('/v1/assets?limit=20'), 200),
  sign: async (call, kept) => {
    const signed = await call(`/v1/assets/${kept.id}/signed-urls`, { body: { expiresInSeconds: 300 } })
    if (signed.status !== 201) return expected(signed, 201)
    return expected(await call(signed.json.url, { secret: '' }), 200)
  },
  remove: async (call) => {
    const stored = await uploadText(call, newText(2000))
    if (stored.status !== 201) return expected(stored, 201)
    return expected(await call(`/v1/assets/${stored.json.id}?purge=true`, { method: 'DELETE' }), 204)
  },
}

function expected(answer: Answer, status: number): string | undefined {
  return answer.status === status ? undefined : `answered ${answer.status}: ${answer.bytes.subarray(0, 300)}`
}

/** Sets so many operations of every kind going at once; each must succeed (K2). */
export async function runMixed(call: Caller, count: number): Promise<MixedFigures> {
  const kept: Kept[] = []
  for (let index = 0; index < ASSETS; index += 1) {
    const bytes = newText(index % 2 === 0 ? 5000 : 200_000)
    kept.push({ id: (await uploadText(call, bytes)).json.id, bytes })
  }
  const kinds = Object.entries(operations)
  const figures: MixedFigures = { operations: count, seconds: 0, byKind: {}, faults: [] }
  const began = performance.now()
  const one = async (index: number) => {
    const [kind, run] = kinds[index % kinds.length] as [string, Operation]
    figures.byKind[kind] = (figures.byKind[kind] ?? 0) + 1
    const fault = await run(call, kept[index % kept.length] as Kept).catch((error) => `${error} ${error.cause ?? ''}`)
    if (fault !== undefined) figures.faults.push(`${kind}: ${fault}`)
  }
  await Promise.all(Array.from({ length: count }, (_, index) => one(index)))
  figures.seconds = secondsSince(began)
  return figures
}

export interface CallerFigures {
  callers: number
  mib: number
  uploadSeconds: number[]
  downloadSeconds: number[]
  sameBytes: boolean
}

/** Several callers at once, each sending a file of 10 MiB up and then reading it back (K1). */
export async function runCallers(call: Caller): Promise<CallerFigures> {
  const figures: CallerFigures = {
    callers: CALLERS,
    mib: CALLER_MIB,
    uploadSeconds: [],
    downloadSeconds: [],
    sameBytes: true,
  }
  const files = Array.from({ length: CALLERS }, () => randomBytes(CALLER_MIB * MEBIBYTE))
  const ids = await Promise.all(
    files.map(async (bytes) => {
      const began = performance.now()
      const answer = await call('/v1/assets?name=ten.bin&assetType=backup_file', {
        body: bytes,
        headers: { 'content-type': 'application/octet-stream' },
      })
      figures.uploadSeconds.push(secondsSince(began))
      return answer.json.id as string
    }),
  )
  await Promise.all(
    files.map(async (bytes, index) => {
      const began = performance.now()
      const answer = await call(`/v1/assets/${ids[index]}/content`)
      figures.downloadSeconds.push(secondsSince(began))
      if (hashOf(answer.bytes) !== hashOf(bytes)) figures.sameBytes = false
    }),
  )
  return figures
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function secondsSince(began: number): number {
  return Math.round((performance.now() - began) / 10) / 100
}

/**
 * Prints the figures as JSON; 1,000 operations unless `--operations N` says otherwise, on the kind of store that
 * `--store` names.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { operations: { type: 'string', default: '1000' }, store: { type: 'string', default: 'local' } },
  })
  const store = await openStoreSettings(values.store)
  const server = await startChildServer(store.settings)
  try {
    const callers = await runCallers(server.call)
    const mixed = await runMixed(server.call, Number(values.operations))
    const shown = { ...mixed, faults: mixed.faults.slice(0, SHOWN_FAULTS), faultCount: mixed.faults.length }
    process.stdout.write(`${JSON.stringify({ callers, mixed: shown }, null, 2)}\n`)
    return callers.sameBytes && mixed.faults.length === 0 ? 0 : 1
  } finally {
    await server.stop()
    await store.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main()

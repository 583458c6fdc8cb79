import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { openStoreSettings } from '../../apps/server/test/store-settings.ts'
import { type RoadName, roads } from './big-file-roads.ts'
import { type ChildServer, startChildServer } from './child-server.ts'
import { type Generated, generated, hashOfFile } from './generated-file.ts'

const MEBIBYTE = 1024 * 1024
const WARM_UP_MIB = 48

export { type Generated, generated } from './generated-file.ts'

/** How much more memory the server may hold at its peak than after a small file, whatever the size of the big one. */
export const ALLOWED_GROWTH_BYTES = 150 * MEBIBYTE

export interface BigFileFigures {
  mib: number
  road: RoadName
  store: string
  /** Until it is an asset: checked, and where it is to lie. */
  uploadSeconds: number
  downloadSeconds: number
  sameHash: boolean
  rangesRight: boolean
  residentBeforeMib: number
  peakGrowthMib: number
}

/** Sends a generated file of so many MiB up and down through a server of its own and watches its memory (P8). */
export async function runBigFile(mib: number, road: RoadName = 'stream', kind = 'local'): Promise<BigFileFigures> {
  const store = await openStoreSettings(kind)
  // With nothing to fall back to, all of it must pass through that store.
  const settings = { ...store.settings, ...(kind !== 'local' && { STOWAGE_FALLBACK_STORE: 'none' }) }
  const server = await startChildServer({ ...settings, STOWAGE_MAX_SIZE_BYTES: String((mib + 64) * MEBIBYTE) })
  try {
    await download(server, await roads[road](server, generated(WARM_UP_MIB)))
    const before = server.residentBytes() ?? 0
    const file = generated(mib)
    const sent = hashOfFile(file)
    const memory = watch(server)
    const up = await timed(() => roads[road](server, file))
    const down = await timed(() => download(server, up.result))
    const rangesRight = await checkRanges(server, up.result, file)
    const { json } = await server.call(`/v1/assets/${up.result}`)
    return {
      mib,
      road,
      store: kind,
      uploadSeconds: up.seconds,
      downloadSeconds: down.seconds,
      sameHash: json.sha256 === sent && down.result === sent,
      rangesRight,
      residentBeforeMib: Math.round(before / MEBIBYTE),
      peakGrowthMib: Math.round(Math.max(0, memory.stop() - before) / MEBIBYTE),
    }
  } finally {
    await server.stop()
    await store.close()
  }
}

async function download(server: ChildServer, id: string): Promise<string> {
  const response = await fetch(new URL(`/v1/assets/${id}/content`, server.url), {
    headers: { authorization: `Bearer ${server.adminKey}` },
  })
  const hash = createHash('sha256')
  for await (const piece of response.body ?? []) hash.update(piece)
  return hash.digest('hex')
}

/** The first and last bytes, some in the middle, and some across the border of two pieces. */
async function checkRanges(server: ChildServer, id: string, file: Generated): Promise<boolean> {
  const starts = [0, MEBIBYTE - 50, Math.floor(file.sizeBytes / 2) + 17, file.sizeBytes - 100]
  for (const start of starts) {
    const index = Math.floor(start / MEBIBYTE)
    const near = Buffer.concat([file.piece(index), file.piece(index + 1)])
    const wanted = near.subarray(start - index * MEBIBYTE, start - index * MEBIBYTE + 100)
    const { status, bytes } = await server.call(`/v1/assets/${id}/content`, {
      headers: { range: `bytes=${start}-${start + 99}` },
    })
    if (status !== 206 || !bytes.equals(wanted)) return false
  }
  return true
}

export function watch(server: ChildServer): { stop(): number } {
  let peak = 0
  const look = () => {
    peak = Math.max(peak, server.residentBytes() ?? 0)
  }
  const timer = setInterval(look, 100)
  return {
    stop() {
      look()
      clearInterval(timer)
      return peak
    },
  }
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const began = performance.now()
  const result = await work()
  return { result, seconds: Math.round((performance.now() - began) / 10) / 100 }
}

/**
 * Prints the figures as JSON; 5 GiB unless `--mib N` says otherwise, by the road that `--road` names and into the kind
 * of store that `--store` names.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mib: { type: 'string', default: String(5 * 1024) },
      road: { type: 'string', default: 'stream' },
      store: { type: 'string', default: 'local' },
    },
  })
  if (!(values.road in roads)) throw new Error(`--road is one of ${Object.keys(roads).join(', ')}`)
  const figures = await runBigFile(Number(values.mib), values.road as RoadName, values.store)
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
  const isFlat = figures.peakGrowthMib * MEBIBYTE < ALLOWED_GROWTH_BYTES
  return figures.sameHash && figures.rangesRight && isFlat ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main()

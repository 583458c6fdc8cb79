import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { type ChildServer, startChildServer } from './child-server.ts'

const MEBIBYTE = 1024 * 1024
const WARM_UP_MIB = 48

/** How much more memory the server may hold at its peak than after a small file, whatever the size of the big one. */
export const ALLOWED_GROWTH_BYTES = 150 * MEBIBYTE

export interface BigFileFigures {
  mib: number
  uploadSeconds: number
  downloadSeconds: number
  sameHash: boolean
  rangesRight: boolean
  residentBeforeMib: number
  peakGrowthMib: number
}

/** Sends a generated file of so many MiB up and down through a server of its own and watches its memory (P8). */
export async function runBigFile(mib: number): Promise<BigFileFigures> {
  const server = await startChildServer({ STOWAGE_MAX_SIZE_BYTES: String((mib + 64) * MEBIBYTE) })
  try {
    const warm = generated(WARM_UP_MIB)
    const { id } = await upload(server, warm)
    await download(server, id)
    const before = server.residentBytes() ?? 0
    const memory = watch(server)
    const file = generated(mib)
    const up = await timed(() => upload(server, file))
    const down = await timed(() => download(server, up.result.id))
    const rangesRight = await checkRanges(server, up.result.id, file)
    return {
      mib,
      uploadSeconds: up.seconds,
      downloadSeconds: down.seconds,
      sameHash: up.result.sha256 === down.result && up.result.sha256 === up.result.sent,
      rangesRight,
      residentBeforeMib: Math.round(before / MEBIBYTE),
      peakGrowthMib: Math.round(Math.max(0, memory.stop() - before) / MEBIBYTE),
    }
  } finally {
    await server.stop()
  }
}

export interface Generated {
  sizeBytes: number
  /** The bytes of one MiB of it: random, and unlike every other. */
  piece(index: number): Buffer
}

export function generated(mib: number): Generated {
  const pattern = randomBytes(MEBIBYTE)
  return {
    sizeBytes: mib * MEBIBYTE,
    piece(index) {
      const piece = Buffer.from(pattern)
      piece.writeBigUInt64BE(BigInt(index), 1000)
      return piece
    },
  }
}

async function upload(server: ChildServer, file: Generated): Promise<{ id: string; sha256: string; sent: string }> {
  const hash = createHash('sha256')
  function* pieces() {
    for (let index = 0; index < file.sizeBytes / MEBIBYTE; index += 1) {
      const piece = file.piece(index)
      hash.update(piece)
      yield piece
    }
  }
  const call = request(new URL('/v1/assets?name=big.bin&assetType=backup_file', server.url), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'content-type': 'application/octet-stream',
      'content-length': file.sizeBytes,
    },
  })
  const answered = new Promise<{ status: number; body: string }>((settle, fail) => {
    call.on('error', fail)
    call.on('response', async (response) => {
      settle({ status: response.statusCode ?? 0, body: Buffer.concat(await response.toArray()).toString() })
    })
  })
  await Promise.all([pipeline(Readable.from(pieces()), call), answered])
  const { status, body } = await answered
  if (status !== 201) throw new Error(`the upload was answered ${status}: ${body}`)
  return { ...(JSON.parse(body) as { id: string; sha256: string }), sent: hash.digest('hex') }
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

/** Prints the figures as JSON; 5 GiB unless `--mib N` says otherwise. */
async function main(words: string[]): Promise<number> {
  const mib = words.includes('--mib') ? Number(words[words.indexOf('--mib') + 1]) : 5 * 1024
  const figures = await runBigFile(mib)
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
  const isFlat = figures.peakGrowthMib * MEBIBYTE < ALLOWED_GROWTH_BYTES
  return figures.sameHash && figures.rangesRight && isFlat ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2))

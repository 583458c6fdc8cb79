import { createHash } from 'node:crypto'
import { type ClientRequest, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { ALLOWED_GROWTH_BYTES, type Generated, generated, watch } from './big-file.ts'
import { type ChildServer, startChildServer } from './child-server.ts'

const MEBIBYTE = 1024 * 1024
const WARM_UP_BYTES = 48 * MEBIBYTE
/** A request that is sent twice, too early or beside others brings so much. */
const SHARE_BYTES = 256 * 1024
const PARALLEL = 3
const WITHIN_MS = 600_000

export interface ResumableFigures {
  bytes: number
  cuts: number
  /** How many of them came while bytes were under way. */
  cutsMidway: number
  duplicated: number
  reordered: number
  parallel: number
  seconds: number
  /** The asset's hash, and that of its bytes as they are read back, are that of what was sent. */
  sameHash: boolean
  residentBeforeMib: number
  peakGrowthMib: number
  /** Answers that no rule of the protocol allows. */
  faults: string[]
}

interface Upload {
  server: ChildServer
  url: URL
  file: Generated
  sizeBytes: number
  faults: string[]
}

/**
 * Sends a file of so many bytes to a server of its own as one resumable upload: cut at random so many times, with
 * requests in between that are repeated, too early, or beside one another (P4).
 */
export async function runResumable(bytes: number, cuts: number): Promise<ResumableFigures> {
  const server = await startChildServer({ STOWAGE_MAX_SIZE_BYTES: String(bytes + WARM_UP_BYTES) })
  try {
    const faults: string[] = []
    const warm = await begin(server, WARM_UP_BYTES, faults)
    await cutAt(warm, WARM_UP_BYTES / 2)
    await finish(warm)
    const residentBytes = server.residentBytes() ?? 0
    const memory = watch(server)
    const began = performance.now()
    const upload = await begin(server, bytes, faults)
    const points = Array.from({ length: cuts }, () => Math.floor(Math.random() * bytes)).sort((a, b) => a - b)
    const counts = { cutsMidway: 0, duplicated: 0, reordered: 0, parallel: 0 }
    for (const point of points) {
      if (await cutAt(upload, point)) counts.cutsMidway += 1
      counts.duplicated += await disturb(upload, (offset) => offset - SHARE_BYTES, 1)
      counts.reordered += await disturb(upload, (offset) => offset + SHARE_BYTES, 1)
      counts.parallel += await disturb(upload, (offset) => offset, PARALLEL)
    }
    const sameHash = await finish(upload)
    return {
      bytes,
      cuts,
      ...counts,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      sameHash,
      residentBeforeMib: Math.round(residentBytes / MEBIBYTE),
      peakGrowthMib: Math.round(Math.max(0, memory.stop() - residentBytes) / MEBIBYTE),
      faults,
    }
  } finally {
    await server.stop()
  }
}

async function begin(server: ChildServer, sizeBytes: number, faults: string[]): Promise<Upload> {
  const metadata = Object.entries({ filename: 'big.bin', assetType: 'backup_file' })
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': String(sizeBytes), 'upload-metadata': metadata }
  const { status, bytes, ...answer } = await server.call('/v1/uploads/resumable', { method: 'POST', headers })
  if (status !== 201) throw new Error(`no upload: ${status} ${bytes}`)
  const url = new URL(answer.headers.get('location') as string)
  return { server, url, file: generated(Math.ceil(sizeBytes / MEBIBYTE)), sizeBytes, faults }
}

async function offsetOf({ server, url }: Upload): Promise<number> {
  const { status, headers } = await server.call(url.pathname, {
    method: 'HEAD',
    headers: { 'tus-resumable': '1.0.0' },
  })
  if (status !== 200) throw new Error(`no offset: ${status}`)
  return Number(headers.get('upload-offset'))
}

/** The bytes of the file from one place to another. */
function* bytesOf({ file }: Upload, start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; ) {
    const index = Math.floor(at / MEBIBYTE)
    const piece = file.piece(index).subarray(at - index * MEBIBYTE, Math.min(MEBIBYTE, end - index * MEBIBYTE))
    yield piece
    at += piece.length
  }
}

function open({ server, url }: Upload, offset: number, sizeBytes: number): ClientRequest {
  return request(url, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      'tus-resumable': '1.0.0',
      'content-type': 'application/offset+octet-stream',
      'content-length': sizeBytes,
      'upload-offset': offset,
    },
  })
}

/** The status of the answer; undefined where the connection ended without one. */
function statusOf(sending: ClientRequest): Promise<number | undefined> {
  return new Promise((settle) => {
    sending.on('response', (response) => {
      response.resume()
      settle(response.statusCode)
    })
    sending.on('close', () => settle(undefined))
    sending.on('error', () => settle(undefined))
  })
}

async function write(sending: ClientRequest, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    if (sending.destroyed) return
    await new Promise<void>((settle) => {
      sending.once('close', settle)
      sending.write(piece, () => {
        sending.off('close', settle)
        settle()
      })
    })
  }
}

/** Sends what is missing up to there, as if it were all, and cuts the connection. @returns whether anything was missing */
async function cutAt(upload: Upload, end: number): Promise<boolean> {
  const offset = await offsetOf(upload)
  if (offset >= end) return false
  const sending = open(upload, offset, upload.sizeBytes - offset)
  sending.on('error', () => undefined)
  await write(sending, bytesOf(upload, offset, end))
  await wait(Math.random() * 10)
  sending.destroy()
  return true
}

/** Sends a share of the file so many times at once, with its true bytes, wherever that is. @returns how many were sent */
async function disturb(upload: Upload, place: (offset: number) => number, times: number): Promise<number> {
  const offset = place(await offsetOf(upload))
  // The last byte is not sent here: what ends the upload is watched.
  const end = Math.min(offset + SHARE_BYTES, upload.sizeBytes - 1)
  if (offset < 0 || end <= offset) return 0
  const share = [...bytesOf(upload, offset, end)]
  const statuses = await Promise.all(
    Array.from({ length: times }, () => {
      const sending = open(upload, offset, end - offset)
      const status = statusOf(sending)
      for (const piece of share) sending.write(piece)
      sending.end()
      return status
    }),
  )
  for (const status of statuses) {
    if (status !== undefined && ![204, 409, 423].includes(status)) upload.faults.push(`answered ${status} at ${offset}`)
  }
  return times
}

/** Sends the rest and compares the asset with the file. */
async function finish(upload: Upload): Promise<boolean> {
  const { server, url, sizeBytes } = upload
  for (let offset = await offsetOf(upload); offset < sizeBytes; offset = await offsetOf(upload)) {
    const sending = open(upload, offset, sizeBytes - offset)
    const status = statusOf(sending)
    await write(sending, bytesOf(upload, offset, sizeBytes))
    sending.end()
    if (![204, 423].includes((await status) ?? 0)) upload.faults.push(`ended with ${await status}`)
  }
  const record = await ended(server, url.pathname.split('/').at(-1) as string)
  const sent = createHash('sha256')
  for (const piece of bytesOf(upload, 0, sizeBytes)) sent.update(piece)
  const expected = sent.digest('hex')
  const { json } = await server.call(`/v1/assets/${record.assetId}`)
  return json.sha256 === expected && (await downloaded(server, record.assetId)) === expected
}

async function ended(server: ChildServer, id: string): Promise<{ assetId: string }> {
  const until = Date.now() + WITHIN_MS
  while (Date.now() < until) {
    const { json } = await server.call(`/v1/uploads/${id}`)
    if (json.state === 'done') return json
    if (json.state === 'failed') throw new Error(`the upload failed: ${JSON.stringify(json.problem)}`)
    await wait(200)
  }
  throw new Error('the upload does not end')
}

async function downloaded(server: ChildServer, assetId: string): Promise<string> {
  const response = await fetch(new URL(`/v1/assets/${assetId}/content`, server.url), {
    headers: { authorization: `Bearer ${server.adminKey}` },
  })
  const hash = createHash('sha256')
  for await (const piece of response.body ?? []) hash.update(piece)
  return hash.digest('hex')
}

function numberAfter(words: string[], option: string, otherwise: number): number {
  return words.includes(option) ? Number(words[words.indexOf(option) + 1]) : otherwise
}

/** Prints the figures as JSON; 1 GiB and 50 cuts unless `--bytes N` and `--cuts N` say otherwise. */
async function main(words: string[]): Promise<number> {
  const figures = await runResumable(numberAfter(words, '--bytes', 1024 ** 3), numberAfter(words, '--cuts', 50))
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
  const isFlat = figures.peakGrowthMib * MEBIBYTE < ALLOWED_GROWTH_BYTES
  return figures.sameHash && isFlat && figures.faults.length === 0 ? 0 : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2))

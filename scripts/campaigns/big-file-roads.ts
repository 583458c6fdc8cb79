import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { ChildServer } from './child-server.ts'
import { type Generated, piecesOf } from './generated-file.ts'

const MEBIBYTE = 1024 * 1024
const PARTS_AT_ONCE = 4
const SIGNED_AT_ONCE = 100
const PATCH_BYTES = 256 * MEBIBYTE
const POLL_MS = 200
const BOUNDARY = 'stowage-campaign-boundary'
const ASSET_TYPE = 'backup_file'
const TUS = { 'tus-resumable': '1.0.0' }

/** Brings a file in and answers the asset's id. */
type Send = (server: ChildServer, file: Generated) => Promise<string>

/** The ways by which a file may come: whole through the service, staged, or resumable. */
export const roads = {
  stream: async (server, file) => {
    const url = new URL(`/v1/assets?name=big.bin&assetType=${ASSET_TYPE}`, server.url)
    const headers = { ...authorization(server), 'content-type': 'application/octet-stream' }
    const { body } = await send('POST', url, headers, file.sizeBytes, piecesOf(file))
    return (JSON.parse(body) as { id: string }).id
  },
  'single-put': async (server, file) => {
    const upload = await begin(server, file, 'single-put')
    const { url, headers } = upload.request
    await send('PUT', new URL(url), headers, file.sizeBytes, piecesOf(file))
    return complete(server, upload.id)
  },
  'post-policy': async (server, file) => {
    const upload = await begin(server, file, 'post-policy')
    const { url, fields } = upload.form
    const head = Buffer.from(
      Object.entries({ 'Content-Type': 'application/octet-stream', ...fields })
        .map(([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
        .join('') +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    )
    const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
    const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
    function* pieces() {
      yield head
      yield* piecesOf(file)
      yield tail
    }
    await send('POST', new URL(url), headers, head.length + file.sizeBytes + tail.length, pieces())
    return complete(server, upload.id)
  },
  multipart: async (server, file) => {
    const upload = await begin(server, file, 'multipart')
    const waiting = Array.from({ length: upload.partCount }, (_, index) => index + 1)
    while (waiting.length > 0) {
      const numbers = waiting.splice(0, SIGNED_AT_ONCE)
      const signed = await server.call(`/v1/uploads/${upload.id}/parts`, { body: { numbers } })
      await sendParts(file, upload.partBytes, (signed.json as { items: SignedPart[] }).items)
    }
    return complete(server, upload.id)
  },
  resumable: async (server, file) => {
    const metadata = `filename ${base64('big.bin')},assetType ${base64(ASSET_TYPE)}`
    const headers = { ...TUS, 'upload-length': String(file.sizeBytes), 'upload-metadata': metadata }
    const made = await server.call('/v1/uploads/resumable', { method: 'POST', headers })
    const id = made.headers.get('location')?.split('/').at(-1) as string
    const url = new URL(`/v1/uploads/resumable/${id}`, server.url)
    for (let offset = 0; offset < file.sizeBytes; offset += PATCH_BYTES) {
      const end = Math.min(offset + PATCH_BYTES, file.sizeBytes)
      const type = 'application/offset+octet-stream'
      const own = { ...authorization(server), ...TUS, 'content-type': type, 'upload-offset': String(offset) }
      await send('PATCH', url, own, end - offset, piecesOf(file, offset, end))
    }
    return ended(server, id)
  },
} satisfies Record<string, Send>

export type RoadName = keyof typeof roads

interface Begun {
  id: string
  partBytes: number
  partCount: number
  request: { url: string; headers: Record<string, string> }
  form: { url: string; fields: Record<string, string> }
}

interface SignedPart {
  number: number
  sizeBytes: number
  url: string
  headers: Record<string, string>
}

async function begin({ call }: ChildServer, { sizeBytes }: Generated, strategy: string): Promise<Begun> {
  const answer = await call('/v1/uploads', { body: { name: 'big.bin', assetType: ASSET_TYPE, sizeBytes, strategy } })
  if (answer.status !== 201) throw new Error(`no upload: ${answer.status} ${answer.bytes}`)
  return answer.json as Begun
}

async function sendParts(file: Generated, partBytes: number, parts: SignedPart[]): Promise<void> {
  const sendSome = async () => {
    for (let part = parts.shift(); part; part = parts.shift()) {
      const from = (part.number - 1) * partBytes
      const pieces = piecesOf(file, from, from + part.sizeBytes)
      await send('PUT', new URL(part.url), part.headers, part.sizeBytes, pieces)
    }
  }
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, sendSome))
}

async function complete(server: ChildServer, id: string): Promise<string> {
  const answer = await server.call(`/v1/uploads/${id}/complete`, { method: 'POST' })
  if (answer.status !== 202) throw new Error(`not completed: ${answer.status} ${answer.bytes}`)
  return ended(server, id)
}

async function ended({ call }: ChildServer, id: string): Promise<string> {
  for (;;) {
    const { json } = await call(`/v1/uploads/${id}`)
    if (json.state === 'done') return json.assetId
    if (json.state !== 'completing') throw new Error(`the upload ended as ${JSON.stringify(json)}`)
    await wait(POLL_MS)
  }
}

function authorization({ adminKey }: ChildServer): { authorization: string } {
  return { authorization: `Bearer ${adminKey}` }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** A request whose body is made while it is sent. @throws Error for an answer that is no success */
async function send(
  method: string,
  url: URL,
  headers: Record<string, string>,
  sizeBytes: number,
  pieces: Iterable<Buffer>,
): Promise<{ body: string }> {
  const call = httpRequest(url, { method, headers: { ...headers, 'content-length': sizeBytes } })
  const answered = new Promise<{ status: number; body: string }>((settle, fail) => {
    call.on('error', fail)
    call.on('response', async (response) => {
      settle({ status: response.statusCode ?? 0, body: Buffer.concat(await response.toArray()).toString() })
    })
  })
  await Promise.all([pipeline(Readable.from(pieces), call), answered])
  const { status, body } = await answered
  if (status < 200 || status > 299) throw new Error(`${method} ${url.pathname} was answered ${status}: ${body}`)
  return { body }
}

import { hashOf, type Target } from './ledger.ts'

export const ROADS = ['single-put', 'post-policy', 'multipart', 'resumable'] as const
export type Road = (typeof ROADS)[number]

/** An upload whose bytes arrive apart from the request that began it: a kill leaves it as it is, to be gone on with. */
export interface Unfinished {
  road: Road
  id: string
  bytes: Buffer<ArrayBuffer>
  sha256: string
  partBytes: number
  request: { url: string; headers: Record<string, string> } | undefined
  form: { url: string; fields: Record<string, string> } | undefined
  /** Whether the service has said that it has every byte: from then on it must become an asset. */
  accepted: boolean
}

interface Shown {
  state: 'open' | 'completing' | 'done' | 'failed'
  assetId: string | null
  problem: { code: string } | null
}

/** How far an upload came: `done` with its asset, `waiting` for the check, or `broken`, which it may never be. */
export type Outcome = { done: string } | { broken: string } | 'waiting'

const TUS = { 'tus-resumable': '1.0.0' }
const MOST_OF_A_PIECE = 3 * 1024 * 1024
const POLLS = 12
const POLL_MS = 100

export async function beginUnfinished(target: Target, road: Road, bytes: Buffer<ArrayBuffer>): Promise<Unfinished> {
  const common = { road, bytes, sha256: hashOf(bytes), accepted: false }
  if (road === 'resumable') {
    const headers = { ...TUS, 'upload-length': String(bytes.length), 'upload-metadata': `filename ${base64('a.txt')}` }
    const answer = await expectOk(ask(target, 'POST', '/v1/uploads/resumable', { headers }))
    const id = answer.headers.get('location')?.split('/').at(-1) as string
    await answer.arrayBuffer()
    return { ...common, id, partBytes: 0, request: undefined, form: undefined }
  }
  const body = { name: 'a.txt', sizeBytes: bytes.length, strategy: road, expiresInSeconds: 3600 }
  const upload = (await (await expectOk(ask(target, 'POST', '/v1/uploads', { body }))).json()) as Unfinished
  return { ...common, id: upload.id, partBytes: upload.partBytes, request: upload.request, form: upload.form }
}

/**
 * Goes on with an upload from wherever it is.
 *
 * @throws Error when the server goes away, or something else that a kill may be the reason of
 */
export async function goOn(target: Target, upload: Unfinished): Promise<Outcome> {
  const shown = await show(target, upload)
  if (shown === undefined) return { broken: `${upload.id} (${upload.road}) is not there any more` }
  if (shown.state === 'open') {
    if (upload.accepted) return { broken: `${upload.id} (${upload.road}) was accepted and is open` }
    await sendRest[upload.road](target, upload)
    upload.accepted = true
  }
  for (let poll = 0; poll < POLLS; poll += 1) {
    const now = await show(target, upload)
    if (now?.state === 'done') return { done: now.assetId as string }
    if (now?.state !== 'completing') return { broken: `${upload.id} (${upload.road}) ended as ${JSON.stringify(now)}` }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return 'waiting'
}

async function show(target: Target, { id }: Unfinished): Promise<Shown | undefined> {
  const answer = await ask(target, 'GET', `/v1/uploads/${id}`)
  if (answer.status !== 404) return (await (await expectOk(answer)).json()) as Shown
  await answer.arrayBuffer()
  return undefined
}

const BUSY = 423
/** As long as a writer of a resumable upload may be silent. */
const LEASE_MS = 15_000

const sendRest: Record<Road, (target: Target, upload: Unfinished) => Promise<void>> = {
  'single-put': async (target, upload) => {
    const { url, headers } = upload.request as { url: string; headers: Record<string, string> }
    // A put that a kill cut off from its answer may have arrived: then it is refused, and complete.
    await (await fetch(url, { method: 'PUT', headers, body: upload.bytes })).arrayBuffer()
    await complete(target, upload)
  },
  'post-policy': async (target, upload) => {
    const { url, fields } = upload.form as { url: string; fields: Record<string, string> }
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob([upload.bytes]), 'a.txt')
    await (await expectOk(fetch(url, { method: 'POST', body: form }))).arrayBuffer()
    await complete(target, upload)
  },
  multipart: async (target, upload) => {
    const { id, bytes, partBytes } = upload
    const listed = await (await expectOk(ask(target, 'GET', `/v1/uploads/${id}/parts`))).json()
    const arrived = new Set((listed as { items: { number: number }[] }).items.map((part) => part.number))
    const count = Math.ceil(bytes.length / partBytes)
    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !arrived.has(number))
    if (missing.length > 0) {
      const signed = await expectOk(ask(target, 'POST', `/v1/uploads/${id}/parts`, { body: { numbers: missing } }))
      const { items } = (await signed.json()) as { items: { number: number; sizeBytes: number; url: string }[] }
      await Promise.all(
        items.map(async ({ number, sizeBytes, url }) => {
          const from = (number - 1) * partBytes
          const part = bytes.subarray(from, from + sizeBytes)
          await (await expectOk(fetch(url, { method: 'PUT', body: part }))).arrayBuffer()
        }),
      )
    }
    await complete(target, upload)
  },
  resumable: async (target, { id, bytes }) => {
    const path = `/v1/uploads/resumable/${id}`
    const head = await expectOk(ask(target, 'HEAD', path, { headers: TUS }))
    let offset = Number(head.headers.get('upload-offset'))
    while (offset < bytes.length) {
      const piece = bytes.subarray(offset, offset + 1 + Math.floor(Math.random() * MOST_OF_A_PIECE))
      const type = 'application/offset+octet-stream'
      const headers = { ...TUS, 'upload-offset': String(offset), 'content-type': type }
      const sent = await ask(target, 'PATCH', path, { headers, bytes: piece })
      if (sent.status === BUSY) {
        // The lease of a request that a kill has ended is not over yet.
        await sent.arrayBuffer()
        await new Promise((resolve) => setTimeout(resolve, LEASE_MS / 5))
        continue
      }
      const answer = await expectOk(sent)
      await answer.arrayBuffer()
      offset = Number(answer.headers.get('upload-offset'))
    }
  },
}

async function complete(target: Target, { id }: Unfinished): Promise<void> {
  await (await expectOk(ask(target, 'POST', `/v1/uploads/${id}/complete`))).arrayBuffer()
}

interface Asking {
  headers?: Record<string, string>
  body?: object
  bytes?: Uint8Array<ArrayBuffer>
}

function ask(target: Target, method: string, path: string, { headers, body, bytes }: Asking = {}): Promise<Response> {
  return fetch(`${target.url}${path}`, {
    method,
    headers: { ...target.headers, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
    ...(bytes && { body: bytes }),
  })
}

/** @throws Refused with the status of an answer that is no success */
async function expectOk(asking: Response | Promise<Response>): Promise<Response> {
  const answer = await asking
  if (!answer.ok) throw new Refused(answer.status, await answer.text())
  return answer
}

/** An answer that was no success: the server is still there. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(`answered ${status}: ${text.slice(0, 300)}`)
    this.status = status
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

import { type ClientRequest, request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { type Answer, type Api, answerOf } from './api.ts'
import { poll } from './poll.ts'

/** What a client of tus 1.0 sends, in the words of the tests. */

const VERSION = { 'tus-resumable': '1.0.0' }
export const OFFSET_TYPE = 'application/offset+octet-stream'
export const RESUMABLE = '/v1/uploads/resumable'

type Headed = Record<string, string>

/** Upload-Metadata of these fields. */
export function metadataOf(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
}

export async function tus(
  api: Api,
  method: string,
  path: string,
  headers: Headed = {},
  body?: Buffer,
): Promise<Answer> {
  const sent = body === undefined ? {} : { body: new Uint8Array(body) }
  const response = await api.send(path, { method, ...sent, headers: { ...VERSION, ...headers } })
  // The answer to HEAD has the headers of a body, and no body.
  if (method === 'HEAD') return { status: response.status, headers: response.headers, body: '' }
  return answerOf(response)
}

/** Begins an upload of a binary file. @returns its path */
export async function begin(
  api: Api,
  sizeBytes: number | undefined,
  fields: Record<string, string> = {},
): Promise<string> {
  const metadata = metadataOf({ filename: 'a.bin', assetType: 'backup_file', ...fields })
  const length: Headed =
    sizeBytes === undefined ? { 'upload-defer-length': '1' } : { 'upload-length': String(sizeBytes) }
  const answer = await tus(api, 'POST', RESUMABLE, { ...length, 'upload-metadata': metadata })
  if (answer.status !== 201) throw new Error(`no upload: ${answer.status} ${JSON.stringify(answer.body)}`)
  return new URL(answer.headers.get('location') as string).pathname
}

export function append(api: Api, path: string, offset: number, bytes: Buffer, headers: Headed = {}): Promise<Answer> {
  return tus(api, 'PATCH', path, { 'content-type': OFFSET_TYPE, 'upload-offset': String(offset), ...headers }, bytes)
}

export async function offsetOf(api: Api, path: string): Promise<number> {
  const answer = await tus(api, 'HEAD', path)
  if (answer.status !== 200) throw new Error(`no offset: ${answer.status}`)
  return Number(answer.headers.get('upload-offset'))
}

/** A request that announces all of `bytes`, and whose connection this end keeps in its hands. */
export function openAppend(api: Api, path: string, offset: number, bytes: Buffer, headers: Headed = {}): ClientRequest {
  const sending = request(new URL(path, api.url), {
    method: 'PATCH',
    headers: {
      ...VERSION,
      authorization: `Bearer ${api.key}`,
      'content-type': OFFSET_TYPE,
      'content-length': bytes.length,
      'upload-offset': offset,
      ...headers,
    },
  })
  sending.on('error', () => undefined)
  return sending
}

/** Sends the first `count` of the bytes and cuts the connection. */
export async function appendCut(api: Api, path: string, offset: number, bytes: Buffer, count: number): Promise<void> {
  const sending = openAppend(api, path, offset, bytes)
  await new Promise<void>((settle) => sending.write(bytes.subarray(0, count), () => settle()))
  await wait(Math.random() * 20)
  sending.destroy()
}

export async function contentOf(api: Api, assetId: string): Promise<Buffer> {
  return Buffer.from(await (await api.send(`/v1/assets/${assetId}/content`)).arrayBuffer())
}

/** Sends what is missing until the upload is done. @returns the asset's id */
export async function complete(api: Api, path: string, bytes: Buffer): Promise<string> {
  return poll(async () => {
    const offset = await offsetOf(api, path)
    const answer = await (offset < bytes.length
      ? append(api, path, offset, bytes.subarray(offset))
      : tus(api, 'HEAD', path))
    return answer.headers.get('stowage-asset') ?? undefined
  })
}

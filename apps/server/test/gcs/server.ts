import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Account, checkToken, createAccount, type ServiceAccountKey } from './account.ts'
import { type Answer, type Call, jsonRefusal, readCall, sendAnswer, xmlRefusal } from './exchange.ts'
import { bucketCall, bucketsCall } from './json-buckets.ts'
import { composeObject, listObjects, objectCall, objectResource, rewriteAnswer, rewriteObject } from './json-objects.ts'
import { postObject } from './post-policy.ts'
import { checkSignedUrl } from './signed-urls.ts'
import { createGcs, type Gcs, GcsRefusal } from './state.ts'
import { insertObject, sessionCall } from './uploads.ts'
import { listUploads, multipartCall } from './xml-multipart.ts'
import { xmlObjectCall } from './xml-objects.ts'

export interface GcsServer {
  /** To be given as `apiEndpoint` to the official SDK, or as `endpoint` to the store. */
  url: string
  credentials: ServiceAccountKey
  /** Answers that have begun and are not yet taken to their end. */
  openAnswers(): number
  close(): Promise<void>
}

/**
 * A server of the public Cloud Storage API, JSON and XML, for tests: written from Google's API reference, with its
 * contents in memory.
 *
 * Every request needs a token or a signature that is really the account's. The official SDK works with it as it is:
 * `new Storage({ apiEndpoint: url, projectId, credentials, useAuthWithCustomEndpoint: true })`.
 *
 * @param options.port any free one if it is left out
 */
export async function startGcsServer({ port = 0 }: { port?: number } = {}): Promise<GcsServer> {
  const { account, credentials } = createAccount()
  const gcs = createGcs()
  let open = 0
  const server = createServer(async (request, response) => {
    open++
    response.once('close', () => open--)
    const isJson = /^\/(upload\/|download\/)?storage\/v1\//.test(request.url ?? '')
    try {
      const call = await readCall(request, `http://${request.headers.host}`)
      sendAnswer(response, isJson ? jsonCall(gcs, account, call) : xmlCall(gcs, account, call), call.method)
    } catch (error) {
      if (request.destroyed && !request.complete) return
      const refusal = error instanceof GcsRefusal ? error : new GcsRefusal(500, 'internalError', String(error))
      sendAnswer(response, isJson ? jsonRefusal(refusal) : xmlRefusal(refusal), request.method ?? 'GET')
    }
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    openAnswers: () => open,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function jsonCall(gcs: Gcs, account: Account, call: Call): Answer {
  const upload = call.segments[0] === 'upload'
  const [, bucket, collection, name, verb, ...more] = call.segments.slice(call.segments.indexOf('v1') + 1)
  const session = call.query.get('upload_id')
  if (upload && session) return sessionCall(gcs, bucket ?? '', session, call)
  checkToken(account, call.headers.authorization)
  if (!bucket) return bucketsCall(gcs, call)
  if (!collection) return bucketCall(gcs, bucket, call)
  if (collection !== 'o') throw new GcsRefusal(404, 'notFound', 'Not Found')
  if (upload && call.method === 'POST') return insertObject(gcs, bucket, call)
  if (name === undefined) return listObjects(gcs, bucket, call)
  if (verb === undefined) return objectCall(gcs, bucket, name, call)
  if (verb === 'compose') return composeObject(gcs, bucket, name, call)
  const [, toBucket = '', , toName = ''] = more
  const copying = { from: { bucket, name }, to: { bucket: toBucket, name: toName } }
  if (verb === 'rewriteTo') return rewriteAnswer(rewriteObject(gcs, copying, call))
  if (verb !== 'copyTo') throw new GcsRefusal(404, 'notFound', 'Not Found')
  const copied = objectResource(rewriteObject(gcs, copying, call))
  return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(copied)) }
}

function xmlCall(gcs: Gcs, account: Account, call: Call): Answer {
  const [bucket = '', ...rest] = call.segments
  const name = rest.join('/')
  const isForm = call.headers['content-type']?.startsWith('multipart/form-data')
  if (call.method === 'POST' && name === '' && isForm) return postObject(gcs, account, bucket, call)
  if (call.query.has('X-Goog-Signature')) checkSignedUrl(account, call)
  else checkToken(account, call.headers.authorization)
  if (name === '') {
    if (call.method === 'GET' && call.query.has('uploads')) return listUploads(gcs, bucket, call)
    throw new GcsRefusal(405, 'MethodNotAllowed', 'Method Not Allowed')
  }
  const multipart = call.query.has('uploads') || call.query.has('uploadId')
  return multipart ? multipartCall(gcs, bucket, name, call) : xmlObjectCall(gcs, bucket, name, call)
}

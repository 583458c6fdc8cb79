import { getOperation } from '@stowage/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import {
  appendResumable,
  beginResumable,
  createWriters,
  type Piece,
  type ResumableUpload,
  readResumable,
  type Uploads,
  type Writers,
} from '../../features/uploads/room.ts'
import { invoke } from '../../platform/invoke.ts'
import { callOf, headerOf, originOf } from './call.ts'
import { readCredential } from './credentials.ts'
import { type Door, routePath } from './routes.ts'
import {
  CHECKSUM_ALGORITHMS,
  invalid,
  readChecksum,
  readCount,
  readLength,
  readMetadata,
  TUS_EXTENSIONS,
  TUS_VERSION,
} from './tus-headers.ts'
import { queryFields, sizeOf } from './uploads.ts'

/** The media type of a request that brings bytes: "All PATCH requests MUST use" it. */
const OFFSET_TYPE = 'application/offset+octet-stream'

interface TusDoor {
  door: Door
  uploads: Uploads
  writers: Writers
}

type Handle = (tus: TusDoor, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** What an address does, by method. */
type Resource = Record<string, { operation: string; handle: Handle }>

const collection: Resource = {
  POST: { operation: 'resumable.create', handle: create },
  OPTIONS: { operation: 'resumable.options', handle: tellCapabilities },
}
const member: Resource = {
  HEAD: { operation: 'uploads.get', handle: tellOffset },
  PATCH: { operation: 'resumable.append', handle: append },
  DELETE: { operation: 'uploads.cancel', handle: terminate },
  OPTIONS: { operation: 'resumable.options', handle: tellCapabilities },
}

/** Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload), with the same rules as every other upload. */
export function addResumableRoutes(server: FastifyInstance, door: Door, uploads: Uploads): void {
  const tus: TusDoor = { door, uploads, writers: createWriters() }
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    // The body stays a stream: it is read, once, by the room.
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.addHook('onRequest', checkVersion)
    addResource(scope, tus, routePath(getOperation('resumable.create')), collection)
    addResource(scope, tus, routePath(getOperation('resumable.append')), member)
  })
}

function addResource(scope: FastifyInstance, tus: TusDoor, url: string, resource: Resource): void {
  for (const [method, { operation, handle }] of Object.entries(resource)) {
    if (method === 'POST') continue
    scope.route({
      method,
      url,
      bodyLimit: Number.MAX_SAFE_INTEGER,
      config: { operation },
      handler: (request, reply) => answer(tus, handle, request, reply),
    })
  }
  scope.route({
    method: 'POST',
    url,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    config: { operation: resource['POST']?.operation ?? 'resumable.override' },
    handler: (request, reply) => {
      const method = methodOf(request)
      const meant = Object.hasOwn(resource, method) ? resource[method] : undefined
      if (!meant) throw new Problem('route.methodNotAllowed', { allowed: Object.keys(resource) })
      return answer(tus, meant.handle, request, reply)
    },
  })
}

async function answer(tus: TusDoor, handle: Handle, request: FastifyRequest, reply: FastifyReply) {
  try {
    return await handle(tus, request, reply)
  } catch (error) {
    endWithConnection(request)
    throw error
  }
}

/** "X-HTTP-Method-Override … MUST be interpreted as the request's method by the Server, if the header is presented." */
function methodOf(request: FastifyRequest): string {
  return headerOf(request, 'x-http-method-override')?.toUpperCase() ?? request.method
}

/** "The Tus-Resumable header MUST be included in every request and response except for OPTIONS requests." */
async function checkVersion(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('tus-resumable', TUS_VERSION).header('cache-control', 'no-store')
  if (methodOf(request) === 'OPTIONS' || headerOf(request, 'tus-resumable') === TUS_VERSION) return
  // "If the version … is not supported by the Server, it MUST respond with 412 … include the Tus-Version header."
  reply.header('tus-version', TUS_VERSION)
  throw new Problem('tus.versionUnsupported', { supported: TUS_VERSION })
}

async function tellCapabilities(
  { uploads }: TusDoor,
  _request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('tus-version', TUS_VERSION)
  reply.header('tus-extension', TUS_EXTENSIONS.join(','))
  reply.header('tus-max-size', String(uploads.options.maxSizeBytes))
  reply.header('tus-checksum-algorithm', CHECKSUM_ALGORITHMS.join(','))
  return reply.code(204).send()
}

async function create({ door, uploads, writers }: TusDoor, request: FastifyRequest, reply: FastifyReply) {
  const call = await callBy(door, request, {})
  const brings = bringsBytes(request)
  if (headerOf(request, 'upload-concat') !== undefined) throw invalid('Upload-Concat', 'is not known here')
  const metadata = headerOf(request, 'upload-metadata')
  const lengthBytes = readLength(headerOf(request, 'upload-length'), headerOf(request, 'upload-defer-length'))
  const input = {
    ...queryFields('resumable.create', request),
    ...readMetadata(metadata),
    ...(lengthBytes !== undefined && { sizeBytes: lengthBytes }),
  }
  const piece = { ...pieceOf(request), offsetBytes: 0 }
  const begun = await beginResumable(uploads, { ...call, input }, metadata ?? null)
  // Whatever becomes of bytes that came along, the upload is there to go on with.
  reply.header('location', `${originOf(request, door.publicUrl)}/v1/uploads/resumable/${begun.id}`)
  tellExpiry(reply, begun)
  const upload = brings
    ? await appendResumable(uploads, writers, { ...call, input: { uploadId: begun.id } }, piece)
    : begun
  tellProgress(reply, upload)
  const { tenantId: _tenantId, offsetBytes: _offsetBytes, metadata: _metadata, ...record } = upload
  return reply.code(201).type('application/json; charset=utf-8').send(JSON.stringify(record))
}

async function append({ door, uploads, writers }: TusDoor, request: FastifyRequest, reply: FastifyReply) {
  const call = await callBy(door, request, request.params as Record<string, unknown>)
  if (!bringsBytes(request)) throw new Problem('request.unsupportedType', { accepted: [OFFSET_TYPE] })
  const offsetBytes = readCount('Upload-Offset', headerOf(request, 'upload-offset'))
  if (offsetBytes === undefined) throw invalid('Upload-Offset', 'must be there')
  const upload = await appendResumable(uploads, writers, call, { ...pieceOf(request), offsetBytes })
  tellProgress(reply, upload)
  tellExpiry(reply, upload)
  return reply.code(204).send()
}

async function tellOffset({ door, uploads, writers }: TusDoor, request: FastifyRequest, reply: FastifyReply) {
  const call = await callBy(door, request, request.params as Record<string, unknown>)
  const upload = await readResumable(uploads, writers, call)
  tellProgress(reply, upload)
  tellExpiry(reply, upload)
  if (upload.sizeBytes === null) reply.header('upload-defer-length', '1')
  else reply.header('upload-length', String(upload.sizeBytes))
  if (upload.metadata !== null) reply.header('upload-metadata', upload.metadata)
  return reply.code(200).send()
}

async function terminate({ door, writers }: TusDoor, request: FastifyRequest, reply: FastifyReply) {
  const call = await callBy(door, request, request.params as Record<string, unknown>)
  await invoke<'uploads.cancel'>(door.platform, 'uploads.cancel', call, door.handlers['uploads.cancel'])
  writers.get(toUuid(call.input['uploadId'] as string))?.stop()
  return reply.code(204).send()
}

async function callBy(door: Door, request: FastifyRequest, input: Record<string, unknown>) {
  const credential = await readCredential(request, door.tokens)
  if (credential.kind === 'none') throw new Problem('credential.missing')
  return callOf(request, door.publicUrl, credential, input)
}

/** Whether the body is a share of the file. @throws Problem `request.unsupportedType` for a body that is something else */
function bringsBytes(request: FastifyRequest): boolean {
  const type = headerOf(request, 'content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type === OFFSET_TYPE) return true
  const empty = request.headers['transfer-encoding'] === undefined && (sizeOf(request) ?? 0) === 0
  if (!empty) throw new Problem('request.unsupportedType', { accepted: [OFFSET_TYPE] })
  return false
}

function pieceOf(request: FastifyRequest): Omit<Piece, 'offsetBytes'> {
  const chunked = request.headers['transfer-encoding'] !== undefined
  return {
    body: request.raw,
    sizeBytes: chunked ? undefined : (sizeOf(request) ?? 0),
    lengthBytes: readCount('Upload-Length', headerOf(request, 'upload-length')),
    checksum: readChecksum(headerOf(request, 'upload-checksum')),
  }
}

function tellProgress(reply: FastifyReply, { offsetBytes, state, assetId }: ResumableUpload): void {
  reply.header('upload-offset', String(offsetBytes))
  if (state === 'done' && assetId !== null) reply.header('stowage-asset', assetId)
}

function tellExpiry(reply: FastifyReply, { state, expiresAt }: ResumableUpload): void {
  if (state === 'open') reply.header('upload-expires', new Date(expiresAt).toUTCString())
}

/** A body that nobody reads any more would be waited for, though its connection has closed, until it counts as stalled. */
function endWithConnection({ raw, socket }: FastifyRequest): void {
  if (!raw.complete) socket.once('close', () => raw.destroy())
}

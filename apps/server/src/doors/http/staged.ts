import type { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import { getOperation } from '@stowage/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { type PartRequest, receivePart, type Uploads } from '../../features/uploads/room.ts'
import type { Credential } from '../../platform/enter.ts'
import { openSignedRequest } from '../../platform/signed-request.ts'
import { callOf, originOf } from './call.ts'
import { type Door, routePath } from './routes.ts'
import { digestOf, FORM_LIMITS, nextPart, sizeOf } from './uploads.ts'

/** The routes that stores without signed requests of their own are written to by: PUT and POST, by the service's URLs. */
export function addStagedRoutes(server: FastifyInstance, door: Door, uploads: Uploads): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    await scope.register(multipart, { limits: FORM_LIMITS })
    // The body stays a stream: it is read, once, by the room.
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const operation of ['uploads.put', 'uploads.putPart', 'uploads.post'] as const) {
      const row = getOperation(operation)
      scope.route({
        method: row.method,
        url: routePath(row),
        bodyLimit: Number.MAX_SAFE_INTEGER,
        config: { operation },
        handler: async (request, reply) => {
          const credential = uploadCredential(uploads, door, request)
          const call = callOf(request, door.publicUrl, credential, request.params as Record<string, unknown>)
          const sent = operation === 'uploads.post' ? await fileOf(request) : bodyOf(request)
          const etag = await receivePart(uploads, { call, operation, ...sent })
          return reply.header('etag', `"${etag}"`).code(row.status).send()
        },
      })
    }
  })
}

/** @throws Problem `signedUrl.*`; a signature made for another upload, part or method does not fit this address */
function uploadCredential(uploads: Uploads, door: Door, request: FastifyRequest): Credential {
  const [path = '', query = ''] = request.url.split('?')
  const host = new URL(originOf(request, door.publicUrl)).host
  const signed = { method: request.method, host, path, query, clientIp: request.ip, now: door.platform.clock() }
  const { tenantId } = openSignedRequest(uploads.signing, signed)
  return { kind: 'upload', tenantId, uploadId: toUuid((request.params as { uploadId: string }).uploadId) }
}

type Sent = Pick<PartRequest, 'body' | 'sizeBytes' | 'expectedSha256'>

function bodyOf(request: FastifyRequest): Sent {
  return { body: request.raw, sizeBytes: sizeOf(request), expectedSha256: digestOf(request) }
}

/** A form as browsers post it: fields before the file say nothing here, for what is allowed stands in the URL. */
async function fileOf(request: FastifyRequest): Promise<Sent> {
  if (!request.isMultipart()) throw new Problem('request.unsupportedType', { accepted: ['multipart/form-data'] })
  const parts = request.parts()[Symbol.asyncIterator]()
  for (let next = await nextPart(parts); next; next = await nextPart(parts)) {
    if (next.type === 'field') continue
    if (next.fieldname !== 'file') break
    return { body: next.file as Readable, sizeBytes: undefined, expectedSha256: undefined }
  }
  throw new Problem('upload.fileMissing')
}

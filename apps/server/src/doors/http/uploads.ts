import { Readable } from 'node:stream'
import multipart, { type Multipart } from '@fastify/multipart'
import { fieldPlaces, getOperation, type OperationName } from '@stowage/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parseDigestField } from '../../domain/digest.ts'
import { Problem } from '../../domain/problem.ts'
import { release } from '../../domain/release.ts'
import { assetEtag } from '../../features/assets/room.ts'
import { receiveUpload, type UploadRequest, type Uploads } from '../../features/uploads/room.ts'
import { attachVariant, type Variants } from '../../features/variants/room.ts'
import { callOf, headerOf, singleValues } from './call.ts'
import { readCredential } from './credentials.ts'
import { parseJson } from './json-body.ts'
import { type Door, routePath } from './routes.ts'

type Operation = UploadRequest['operation']
type Incoming = Omit<UploadRequest, 'call' | 'operation'> & { fields: Record<string, unknown> }

const MAX_FIELD_BYTES = 64 * 1024
const MAX_FIELDS = 40
const MAX_TEXT_BYTES = 16 * 1024 * 1024
const UNLIMITED = Number.MAX_SAFE_INTEGER
export const FORM_LIMITS = {
  fieldSize: MAX_FIELD_BYTES,
  fields: MAX_FIELDS,
  files: 1,
  parts: MAX_FIELDS + 1,
  fileSize: UNLIMITED,
  headerPairs: 50,
}

/** The routes whose body is a file: as a form, as it is, or (assets only) as JSON with a generated text. */
export function addUploadRoutes(server: FastifyInstance, door: Door, uploads: Uploads, variants: Variants): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    await scope.register(multipart, { limits: FORM_LIMITS })
    // The body stays a stream: it is read, once, by the room.
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const operation of ['assets.create', 'versions.create'] as const) {
      const row = getOperation(operation)
      scope.route({
        method: 'POST',
        url: routePath(row),
        bodyLimit: UNLIMITED,
        config: { operation },
        handler: async (request, reply) => {
          const credential = await readCredential(request, door.tokens)
          if (credential.kind === 'none') throw new Problem('credential.missing')
          const { fields, ...incoming } = await readIncoming(operation, request)
          const input = { ...fields, ...(request.params as Record<string, unknown>) }
          const call = callOf(request, door.publicUrl, credential, input)
          const asset = await receiveUpload(uploads, { ...incoming, operation, call })
          reply.code(row.status).header('location', `/v1/assets/${asset.id}`)
          reply.header('etag', assetEtag({ current_n: asset.version, updated_at: new Date(asset.updatedAt) }))
          return reply.type('application/json; charset=utf-8').send(JSON.stringify(asset))
        },
      })
    }
    scope.route({
      method: 'PUT',
      url: routePath(getOperation('variants.attach')),
      bodyLimit: UNLIMITED,
      config: { operation: 'variants.attach' },
      handler: async (request, reply) => {
        const credential = await readCredential(request, door.tokens)
        if (credential.kind === 'none') throw new Problem('credential.missing')
        const input = { ...queryFields('variants.attach', request), ...(request.params as Record<string, unknown>) }
        const call = callOf(request, door.publicUrl, credential, input)
        const declaredType = headerOf(request, 'content-type')
        const variant = await attachVariant(variants, { call, body: request.raw, declaredType })
        return reply.type('application/json; charset=utf-8').send(JSON.stringify(variant))
      },
    })
  })
}

async function readIncoming(operation: Operation, request: FastifyRequest): Promise<Incoming> {
  const query = queryFields(operation, request)
  if (request.isMultipart()) return readForm(operation, request, query)
  const type = headerOf(request, 'content-type')
  if (operation === 'assets.create' && type !== undefined && /^application\/json\b/i.test(type))
    return readText(request, query)
  if (request.headers['transfer-encoding'] === undefined && Number(request.headers['content-length'] ?? 0) === 0)
    throw new Problem('upload.empty')
  return {
    fields: query,
    body: request.raw,
    giveBack: release,
    declaredType: type,
    sizeBytes: sizeOf(request),
    expectedSha256: digestOf(request),
    generated: false,
    lateFields: async () => ({}),
  }
}

/** Fields in the query, all as text: lists and objects travel as JSON. */
export function queryFields(operation: OperationName, request: FastifyRequest): Record<string, unknown> {
  const known = fieldPlaces(getOperation(operation)).query
  const query = singleValues(request.query)
  const strangers = Object.keys(query).filter((field) => !known.includes(field))
  if (strangers.length > 0) {
    throw new Problem('request.invalid', {
      errors: strangers.map((field) => ({ field, reason: 'is not known in the query of this request' })),
    })
  }
  return Object.fromEntries(Object.entries(query).map(([field, text]) => [field, fieldValue(field, String(text))]))
}

export function fieldValue(field: string, text: string): unknown {
  if (field === 'metadata' || field === 'links') return parseJson(Buffer.from(text))
  if (field !== 'tags') return text
  if (text.trimStart().startsWith('[')) return parseJson(Buffer.from(text))
  return text.split(',').map((tag) => tag.trim())
}

/** `{ name, content }`: a text made by a program. */
async function readText(request: FastifyRequest, query: Record<string, unknown>): Promise<Incoming> {
  const pieces: Buffer[] = []
  let sizeBytes = 0
  for await (const piece of request.raw) {
    sizeBytes += (piece as Buffer).length
    if (sizeBytes > MAX_TEXT_BYTES) throw new Problem('request.tooLarge', { limitBytes: MAX_TEXT_BYTES })
    pieces.push(piece as Buffer)
  }
  const body = parseJson(Buffer.concat(pieces))
  const { content, ...fields } = (body ?? {}) as Record<string, unknown>
  if (typeof content !== 'string')
    throw new Problem('request.invalid', { errors: [{ field: 'content', reason: 'must be a text' }] })
  const bytes = Buffer.from(content)
  if (bytes.length === 0) throw new Problem('upload.empty')
  return {
    fields: { ...query, ...fields },
    body: Readable.from([bytes], { objectMode: false }),
    declaredType: undefined,
    sizeBytes: bytes.length,
    expectedSha256: undefined,
    generated: true,
    lateFields: async () => ({}),
  }
}

/** A form: the part named `file`, and fields before it or, as far as they only describe it, after it (RFC 7578). */
async function readForm(
  operation: Operation,
  request: FastifyRequest,
  query: Record<string, unknown>,
): Promise<Incoming> {
  const parts = request.parts({ preservePath: true } as never)[Symbol.asyncIterator]()
  const fields: Record<string, unknown> = { ...query }
  for (let next = await nextPart(parts); next; next = await nextPart(parts)) {
    if (next.type === 'field') {
      addField(operation, fields, next)
      continue
    }
    if (next.fieldname !== 'file') throw new Problem('upload.fileMissing')
    const name = fields['name'] ?? next.filename
    return {
      fields: { ...fields, ...(name !== undefined && { name }) },
      body: next.file,
      declaredType: next.mimetype,
      sizeBytes: undefined,
      expectedSha256: digestOf(request),
      generated: false,
      lateFields: () => readLate(operation, parts, fields),
    }
  }
  throw new Problem('upload.fileMissing')
}

type Parts = AsyncIterator<Multipart>

export async function nextPart(parts: Parts): Promise<Multipart | undefined> {
  try {
    const next = await parts.next()
    return next.done ? undefined : next.value
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('request.malformed', { reason: (error as Error).message })
  }
}

function addField(
  operation: Operation,
  fields: Record<string, unknown>,
  part: Extract<Multipart, { type: 'field' }>,
): void {
  const field = part.fieldname
  const known = fieldPlaces(getOperation(operation)).query
  const reason = !known.includes(field)
    ? 'is not known in this form'
    : field in fields
      ? 'is there more than once'
      : part.valueTruncated
        ? 'is too long'
        : undefined
  if (reason) throw new Problem('request.invalid', { errors: [{ field, reason }] })
  fields[field] = fieldValue(field, String(part.value))
}

async function readLate(
  operation: Operation,
  parts: Parts,
  before: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const all = { ...before }
  for (let next = await nextPart(parts); next; next = await nextPart(parts)) {
    if (next.type === 'file')
      throw new Problem('request.invalid', { errors: [{ field: 'file', reason: 'is there more than once' }] })
    addField(operation, all, next)
  }
  return Object.fromEntries(Object.entries(all).filter(([field]) => !(field in before)))
}

export function sizeOf(request: FastifyRequest): number | undefined {
  const length = request.headers['content-length']
  return length === undefined ? undefined : Number(length)
}

/** RFC 9530: `Repr-Digest` or `Content-Digest`; an upload is one representation sent whole, so both say the same. */
export function digestOf(request: FastifyRequest): string | undefined {
  const header = headerOf(request, 'repr-digest') ?? headerOf(request, 'content-digest')
  if (header === undefined) return undefined
  const read = parseDigestField(header)
  if ('malformed' in read)
    throw new Problem('request.invalid', { errors: [{ field: 'Repr-Digest', reason: read.malformed }] })
  return read.digests['sha-256']
}

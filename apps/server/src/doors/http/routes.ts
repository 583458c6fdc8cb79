import { fieldPlaces, getOperation, type Operation, type OperationName, operationNames } from '@stowage/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../domain/problem.ts'
import { assetEtag } from '../../features/assets/room.ts'
import { type Handler, type Handlers, invoke, type Platform, type StoreHandlers } from '../../platform/invoke.ts'
import type { TokenReader } from '../../platform/tokens.ts'
import { callOf, singleValues } from './call.ts'
import { readCredential } from './credentials.ts'
import { parseJson } from './json-body.ts'

const MAX_JSON_BYTES = 1024 * 1024

/** What the HTTP door needs of the app. */
export interface Door {
  platform: Platform
  handlers: Handlers
  storeHandlers: StoreHandlers
  tokens: TokenReader | undefined
  publicUrl: string | undefined
}

/** Every row of the contract that carries no bytes becomes a route. */
export function addRoutes(server: FastifyInstance, door: Door): void {
  server.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_JSON_BYTES },
    async (_request: unknown, body: Buffer) => (body.length === 0 ? {} : parseJson(body)),
  )
  for (const name of operationNames()) {
    const row = getOperation(name)
    if (row.bytes !== 'none') continue
    server.route({
      method: row.method,
      url: routePath(row),
      config: { operation: name },
      handler: (request, reply) => answer(door, name, row, request, reply),
    })
  }
}

export function routePath(row: Operation): string {
  return row.path.replace(/\{(\w+)\}/g, ':$1')
}

async function answer(door: Door, name: OperationName, row: Operation, request: FastifyRequest, reply: FastifyReply) {
  const credential = await readCredential(request, door.tokens)
  const call = callOf(request, door.publicUrl, credential, inputOf(row, request))
  const own = door.storeHandlers[name as keyof StoreHandlers]
  const handler = door.handlers[name as keyof Handlers] as Handler<OperationName>
  const result = own ? await own(call) : await invoke<OperationName>(door.platform, name, call, handler)
  reply.code(row.status)
  if (row.status === 204 || result === undefined) return reply.code(204).send()
  const etag = etagOf(name, result)
  if (etag) reply.header('etag', etag)
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(result))
}

/** Path, query and body as the row's one flat input; a field in the wrong place is an unknown field. */
export function inputOf(row: Operation, request: FastifyRequest): Record<string, unknown> {
  const places = fieldPlaces(row)
  const query = singleValues(request.query)
  const body = bodyOf(request)
  refuseStrangers('query', query, places.query)
  refuseStrangers('body', body, places.body)
  return { ...query, ...body, ...(request.params as Record<string, unknown>) }
}

function bodyOf(request: FastifyRequest): Record<string, unknown> {
  const { body } = request
  if (body === undefined || body === null) return {}
  if (typeof body !== 'object' || Array.isArray(body))
    throw new Problem('request.malformed', { reason: 'the body must be a JSON object' })
  return body as Record<string, unknown>
}

function refuseStrangers(place: string, given: Record<string, unknown>, known: readonly string[]): void {
  const strangers = Object.keys(given).filter((field) => !known.includes(field))
  if (strangers.length === 0) return
  throw new Problem('request.invalid', {
    errors: strangers.map((field) => ({ field, reason: `is not known in the ${place} of this request` })),
  })
}

function etagOf(name: OperationName, result: unknown): string | undefined {
  if (name !== 'assets.get' && name !== 'assets.update' && name !== 'assets.restore') return undefined
  const asset = result as { version: number; updatedAt: string }
  return assetEtag({ current_n: asset.version, updated_at: new Date(asset.updatedAt) })
}

import { getOperation } from '@stowage/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../../domain/problem.ts'
import { webhookRefusal } from '../../domain/standard-webhook.ts'
import { MAX_MESSAGE_BYTES } from '../../domain/store-event.ts'
import { reportEvents, type StoreEvents, takeMessage } from '../../features/stores/room.ts'
import { callOf, headerOf } from './call.ts'
import { readCredential } from './credentials.ts'
import { type Door, routePath } from './routes.ts'

/**
 * Where stores, or relays for them, post what happened. A message belongs to no organization, so that no credential of
 * one lets it in: it is signed with the service's own secret, or comes with a platform key.
 */
export function addStoreEventsRoute(server: FastifyInstance, door: Door, events: StoreEvents): void {
  const row = getOperation('storeEvents.create')
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    // The signature is of the bytes as they came, whatever the sender calls them: SNS says text/plain.
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.route({
      method: row.method,
      url: routePath(row),
      bodyLimit: MAX_MESSAGE_BYTES,
      config: { operation: 'storeEvents.create' },
      handler: async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const counts = await take(door, events, request, body)
        return reply.code(row.status).type('application/json; charset=utf-8').send(JSON.stringify(counts))
      },
    })
  })
}

async function take(door: Door, events: StoreEvents, request: FastifyRequest, body: Buffer) {
  const message = body.toString('utf8')
  if (request.headers.authorization !== undefined) {
    const credential = await readCredential(request, door.tokens)
    return reportEvents(events, callOf(request, door.publicUrl, credential, {}), message)
  }
  const problem = refusalOf(events, request, body)
  if (!problem) return takeMessage(events, message)
  door.platform.onUnauthenticated(problem.code)
  throw problem
}

function refusalOf({ secret, platform }: StoreEvents, request: FastifyRequest, body: Buffer): Problem | undefined {
  const signature = headerOf(request, 'webhook-signature')
  if (signature === undefined) return new Problem('credential.missing')
  if (!secret) return new Problem('storeEvents.noSecret')
  const signed = {
    id: headerOf(request, 'webhook-id'),
    timestamp: headerOf(request, 'webhook-timestamp'),
    signature,
    body,
  }
  const reason = webhookRefusal(secret, signed, platform.clock())
  return reason && new Problem('storeEvents.signatureInvalid', { reason })
}

import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem, problemAnswer } from '../../domain/problem.ts'
import type { Credential } from '../../platform/enter.ts'
import type { Call } from '../../platform/invoke.ts'

const MAX_IDEMPOTENCY_KEY = 255

/** A request in the words of `invoke`, which knows nothing of HTTP. */
export function callOf(
  request: FastifyRequest,
  publicUrl: string | undefined,
  credential: Credential,
  input: Record<string, unknown>,
): Call & { input: Record<string, unknown> } {
  return {
    credential,
    input,
    requestId: request.id,
    origin: originOf(request, publicUrl),
    ip: request.ip,
    userAgent: headerOf(request, 'user-agent')?.slice(0, 500) ?? null,
    log: request.log as Call['log'],
    ifMatch: headerOf(request, 'if-match'),
    idempotencyKey: idempotencyKeyOf(request),
  }
}

export function originOf(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl?.replace(/\/+$/, '') ?? `${request.protocol}://${request.host}`
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = headerOf(request, 'idempotency-key')
  if (key === undefined) return undefined
  if (key.length >= 1 && key.length <= MAX_IDEMPOTENCY_KEY) return key
  throw new Problem('request.invalid', {
    errors: [{ field: 'Idempotency-Key', reason: `must have 1 to ${MAX_IDEMPOTENCY_KEY} characters` }],
  })
}

/** Answers with a problem (RFC 9457). */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, body } = problemAnswer(problem, request.id)
  const wait = (problem.members as { retryAfterSeconds?: number }).retryAfterSeconds
  if (wait !== undefined) reply.header('retry-after', String(wait))
  // RFC 9110 section 11.6.1: a 401 names the scheme that is wanted.
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="stowage"')
  if (problem.code === 'route.methodNotAllowed')
    reply.header('allow', (problem.members as { allowed: string[] }).allowed.join(', '))
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body))
}

/** One query parameter may stand once: which of two is meant, nobody can say. */
export function singleValues(query: unknown): Record<string, unknown> {
  const repeated = Object.entries(query as Record<string, unknown>).filter(([, value]) => Array.isArray(value))
  if (repeated.length === 0) return query as Record<string, unknown>
  throw new Problem('request.invalid', {
    errors: repeated.map(([field]) => ({ field, reason: 'is there more than once' })),
  })
}

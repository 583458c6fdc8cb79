import type { Socket } from 'node:net'
import { getOperation, operationNames } from '@stowage/contract'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type pg from 'pg'
import type { Logger } from 'pino'
import { newUuid, toId } from '../../domain/id.ts'
import { Problem, problemAnswer } from '../../domain/problem.ts'
import type { Delivery } from '../../features/delivery/room.ts'
import type { StoreEvents } from '../../features/stores/room.ts'
import type { Uploads } from '../../features/uploads/room.ts'
import type { Variants } from '../../features/variants/room.ts'
import { isUnavailable } from '../../platform/database/transaction.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { sendProblem } from './call.ts'
import { addContentRoute, addVariantRoute } from './content.ts'
import { allowOrigins } from './cors.ts'
import { addResumableRoutes } from './resumable.ts'
import { addRoutes, type Door } from './routes.ts'
import { addSecurityReportRoutes } from './security-report.ts'
import { addServiceRoutes } from './service-routes.ts'
import { addStagedRoutes } from './staged.ts'
import { addStoreEventsRoute } from './store-events.ts'
import { drain } from './unread-body.ts'
import { addUploadRoutes } from './uploads.ts'

export interface HttpApp extends Omit<Door, 'publicUrl'> {
  uploads: Uploads
  storeEvents: StoreEvents
  delivery: Delivery
  variants: Variants
  urlSigning: SecretKeys
  metrics: Metrics
  pools: { requests: pg.Pool; sweep: pg.Pool }
  states: Parameters<typeof addServiceRoutes>[3]
}

export interface HttpOptions {
  host: string
  port: number
  publicUrl?: string | undefined
  trustProxy?: string | undefined
  corsOrigins?: string | undefined
}

/** A body's first piece, of up to 64 KiB, is read unasked; behind it nothing more, however many callers wait. */
const READ_AHEAD_BYTES = 16 * 1024
const HEADERS_TIMEOUT_MS = 20_000
const KEEP_ALIVE_MS = 65_000
const STOP_WITHIN_MS = 15_000
const MAX_HEADER_BYTES = 16 * 1024

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: string
  }
}

/** Opens the HTTP door. `stop` lets running requests finish, within fifteen seconds. */
export async function startHttp(app: HttpApp, options: HttpOptions, log: Logger) {
  const server = createServer(app, options, log)
  const { host, port } = options
  const url = await server.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(error, host, port)
  })
  return {
    url,
    async stop() {
      const impatient = setTimeout(() => server.server.closeAllConnections(), STOP_WITHIN_MS)
      await server.close()
      clearTimeout(impatient)
    },
  }
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const mended = 'Set STOWAGE_PORT to another one.'
  if (error.code === 'EADDRINUSE')
    return new Error(`Port ${port} of ${host} is taken by another program, perhaps by another Stowage. ${mended}`)
  if (error.code === 'EACCES') return new Error(`Port ${port} may not be opened by this user. ${mended}`)
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new Error(`${host} is no address of this machine. Set STOWAGE_HOST to one, or to 0.0.0.0 for all.`)
  return error
}

function createServer(app: HttpApp, options: HttpOptions, log: Logger): FastifyInstance {
  const server = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    genReqId: requestId,
    trustProxy: options.trustProxy?.split(',').map((address) => address.trim()) ?? false,
    routerOptions: { maxParamLength: 300 },
    http: {
      highWaterMark: READ_AHEAD_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    // A body may take as long as it needs, as long as it moves: the uploads room watches that.
    requestTimeout: 0,
    clientErrorHandler: refuseUnreadable,
    // An address that cannot be decoded is refused before there is a route whose error handler would be asked.
    frameworkErrors: refuse,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
  } as never) as unknown as FastifyInstance
  server.removeAllContentTypeParsers()
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  server.addHook('onResponse', async (request, reply) => record(app.metrics, request, reply))
  server.setErrorHandler(async (error, request, reply) => {
    await drain(request)
    return refuse(error as FastifyError, request, reply)
  })
  server.setNotFoundHandler((request, reply) => sendProblem(request, reply, strangeAddress(request)))
  allowOrigins(server, options.corsOrigins)
  const door: Door = { ...app, publicUrl: options.publicUrl }
  addRoutes(server, door)
  addUploadRoutes(server, door, app.uploads, app.variants)
  addStagedRoutes(server, door, app.uploads)
  addResumableRoutes(server, door, app.uploads)
  addStoreEventsRoute(server, door, app.storeEvents)
  addSecurityReportRoutes(server, door)
  addContentRoute(server, door, app.delivery, app.urlSigning)
  addVariantRoute(server, door, app.variants, app.urlSigning)
  addServiceRoutes(server, app.metrics, app.pools, app.states)
  return server
}

function requestId(request: { headers: Record<string, unknown> }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : toId('request', newUuid())
}

function record(metrics: Metrics, request: FastifyRequest, reply: FastifyReply): void {
  const operation = request.routeOptions.config.operation ?? 'none'
  metrics.requests.observe({ operation, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
  request.log.info(
    {
      operation,
      method: request.method,
      path: request.url.split('?')[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    },
    'request',
  )
}

/** What was said of bytes that are not sent after all, above all for how long a cache may keep them. */
const OF_THE_BYTES = [
  'content-disposition',
  'etag',
  'last-modified',
  'content-encoding',
  'cache-control',
  'cache-tag',
  'surrogate-key',
]

function refuse(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemFor(error, request)
  if (problem.code === 'internal.error') request.log.error({ err: error }, 'a request failed')
  else if (problem.cause) request.log.warn({ err: problem.cause, code: problem.code }, 'a request was refused')
  // The rest of the body is not wanted: say so, answer, and let the connection go.
  if (!request.raw.complete) reply.header('connection', 'close')
  for (const header of OF_THE_BYTES) reply.removeHeader(header)
  return sendProblem(request, reply, problem)
}

const fastifyProblems: Record<string, (error: FastifyError) => Problem> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new Problem('request.unsupportedType', { accepted: ['application/json'] }),
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Problem('request.tooLarge', { limitBytes: 1024 * 1024 }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new Problem('request.malformed', { reason: 'Content-Length does not match the body' }),
}

function problemFor(error: FastifyError, request: FastifyRequest): Problem {
  const translated = storeProblem(error)
  if (translated instanceof Problem) return translated
  if (isUnavailable(error)) return withCause(new Problem('database.unavailable', { retryAfterSeconds: 2 }), error)
  const known = fastifyProblems[error.code]
  if (known) return known(error)
  if (request.raw.destroyed && !request.raw.complete) return new Problem('request.aborted')
  // A form that breaks off, or anything else that the parsers call the sender's fault.
  if (typeof error.statusCode === 'number' && error.statusCode < 500)
    return new Problem('request.malformed', { reason: error.message })
  return new Problem('internal.error')
}

function withCause(problem: Problem, cause: unknown): Problem {
  problem.cause = cause
  return problem
}

const patterns = operationNames().map((name) => {
  const row = getOperation(name)
  return { method: row.method, pattern: new RegExp(`^${row.path.replace(/\{\w+\}/g, '[^/]+')}$`) }
})

/** An address that is there under another method is told from one that is not there at all. */
function strangeAddress(request: FastifyRequest): Problem {
  const path = request.url.split('?')[0] as string
  const allowed = [...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))]
  return allowed.length > 0 ? new Problem('route.methodNotAllowed', { allowed }) : new Problem('route.notFound')
}

/** Bytes that are no HTTP request, or one with too many headers: Node has no request to answer, so the line is written here. */
function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const tooMany = error.code === 'HPE_HEADER_OVERFLOW'
  const reason = tooMany ? 'the headers are too large' : 'this is not an HTTP request'
  const body = JSON.stringify(problemAnswer(new Problem('request.malformed', { reason }), '').body)
  const status = tooMany ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

/** What a page may read of an answer beside its body. */
const EXPOSED = [
  'ETag',
  'Location',
  'Content-Disposition',
  'Content-Range',
  'Repr-Digest',
  'Retry-After',
  'X-Request-Id',
  'Stowage-Asset',
  'Stowage-Version',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Defer-Length',
  'Upload-Expires',
]
const PREFLIGHT_SECONDS = 600

/** Lets pages of the named origins call the API. Nobody is known by a cookie, so an origin by itself has no rights. */
export function allowOrigins(server: FastifyInstance, origins: string | undefined): void {
  if (origins === undefined) return
  const named = origins.split(',').map((origin) => origin.trim())
  server.register(cors, {
    origin: named.includes('*') ? '*' : named,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
    strictPreflight: false,
  })
}

import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import type { Metrics } from '../../platform/metrics.ts'
import { docsPage } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'

/** Health, metrics and the description of the API. They show nothing of any organization. */
export function addServiceRoutes(server: FastifyInstance, metrics: Metrics, pool: pg.Pool): void {
  server.get('/livez', async () => ({ status: 'alive' }))
  server.get('/readyz', async () => {
    await pool.query('select 1')
    return { status: 'ready' }
  })
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )
  const document = JSON.stringify(openApiDocument())
  server.get('/openapi.json', async (_request, reply) => reply.type('application/json; charset=utf-8').send(document))
  const page = docsPage()
  server.get('/docs', async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  )
}

import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { countSteps } from '../../features/inspection/room.ts'
import { countIncidents } from '../../features/stores/room.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { docsPage } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'

/** Health, metrics and the description of the API. They show nothing of any organization. */
export function addServiceRoutes(
  server: FastifyInstance,
  metrics: Metrics,
  pools: { requests: pg.Pool; sweep: pg.Pool },
  state: {
    stores: () => Record<string, string>
    scanner: () => 'up' | 'down' | 'none'
    programs: Record<string, string>
  },
): void {
  server.get('/livez', async () => ({ status: 'alive' }))
  server.get('/readyz', async () => {
    await pools.requests.query('select 1')
    return { status: 'ready', stores: state.stores(), scanner: state.scanner(), programs: state.programs }
  })
  server.get('/metrics', async (_request, reply) => {
    await countCopies(metrics, pools.sweep)
    metrics.incidents.reset()
    for (const { kind, outcome, count } of await countIncidents(pools.sweep))
      metrics.incidents.set({ kind, outcome }, count)
    metrics.steps.reset()
    for (const { name, state, count } of await countSteps(pools.sweep)) metrics.steps.set({ step: name, state }, count)
    for (const [store, is] of Object.entries(state.stores())) metrics.storeUp.set({ store }, is === 'open' ? 0 : 1)
    if (state.scanner() !== 'none') metrics.scannerUp.set({ scanner: 'clamd' }, state.scanner() === 'up' ? 1 : 0)
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
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

/** The figures of copies that are not where they are to be are read when they are asked for. */
async function countCopies(metrics: Metrics, sweep: pg.Pool): Promise<void> {
  const text = 'select * from api.staging(), api.away_from_home()'
  const { rows } = await sweep.query<Record<string, number | string>>(text)
  for (const [state, prefix] of [
    ['writing', 'unfinished'],
    ['releasing', 'releasing'],
    ['away', 'away'],
    ['withoutSecond', 'single'],
  ] as const) {
    metrics.copies.set({ state }, Number(rows[0]?.[`${prefix}_count`] ?? 0))
    metrics.copyBytes.set({ state }, Number(rows[0]?.[`${prefix}_bytes`] ?? 0))
  }
}

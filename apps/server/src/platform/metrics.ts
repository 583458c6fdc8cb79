import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The service's own figures, in the text format that Prometheus reads. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'stowage_' })
  const registers = [registry]
  return {
    registry,
    requests: new Histogram({
      name: 'stowage_request_seconds',
      help: 'Time to answer, by operation and status',
      labelNames: ['operation', 'status'],
      buckets: SECONDS,
      registers,
    }),
    storeOperations: new Histogram({
      name: 'stowage_store_seconds',
      help: 'Time of store operations, by store, verb and outcome',
      labelNames: ['store', 'verb', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    storeBytes: new Counter({
      name: 'stowage_store_bytes_total',
      help: 'Bytes moved to and from stores',
      labelNames: ['store', 'verb'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'stowage_store_up',
      help: 'Whether a store is tried: 0 while its circuit breaker is open',
      labelNames: ['store'],
      registers,
    }),
    unauthenticated: new Counter({
      name: 'stowage_unauthenticated_total',
      help: 'Requests refused before anybody was known, by problem',
      labelNames: ['code'],
      registers,
    }),
    storeEvents: new Counter({
      name: 'stowage_store_events_total',
      help: 'Events that stores told of, by what became of them',
      labelNames: ['became'],
      registers,
    }),
    steps: new Gauge({
      name: 'stowage_steps',
      help: 'Steps of the pipeline that wait, run, or were given up',
      labelNames: ['step', 'state'],
      registers,
    }),
    scannerUp: new Gauge({
      name: 'stowage_scanner_up',
      help: 'Whether the virus scanner answered when it was last asked',
      labelNames: ['scanner'],
      registers,
    }),
    incidents: new Gauge({
      name: 'stowage_incidents',
      help: 'What happened to stored bytes behind our back, by kind and by what was found',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    copies: new Gauge({
      name: 'stowage_copies',
      help: 'Copies that are unfinished, being removed, away from home or without their second copy',
      labelNames: ['state'],
      registers,
    }),
    copyBytes: new Gauge({
      name: 'stowage_copy_bytes',
      help: 'Their bytes, as far as known',
      labelNames: ['state'],
      registers,
    }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

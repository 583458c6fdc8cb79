import type { Metrics } from './platform/metrics.ts'
import type { StoreObservation } from './providers/stores/measured.ts'

/** Takes down what happens outside of requests, wherever in this process it happens. */
export interface Tally {
  store(observation: StoreObservation): void
  storeEvent(became: string): void
}

export function tallyOf(metrics: Metrics): Tally {
  return {
    store({ store, verb, bytes, durationMs, outcome }) {
      metrics.storeOperations.observe({ store, verb, outcome }, durationMs / 1000)
      metrics.storeBytes.inc({ store, verb }, bytes)
    },
    storeEvent: (became) => metrics.storeEvents.inc({ became }),
  }
}

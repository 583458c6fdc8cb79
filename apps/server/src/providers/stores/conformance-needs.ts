import type { TestContext } from 'vitest'
import type { Bench } from './conformance-bench.ts'
import type { StoreCapabilities } from './port.ts'

/** Leaves a test out for a store that does not declare what it is about. */
export function needs(bench: Bench, { skip }: TestContext, able: (capabilities: StoreCapabilities) => boolean): void {
  skip(!able(bench.store.capabilities), 'not declared by this store')
}

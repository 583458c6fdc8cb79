import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/providers/stores/memory.ts'
import { faultyStore } from '../faulty-store.ts'
import { newText, uploadText } from '../service.ts'
import { startTestService, type TestService } from '../test-service.ts'

/** More than the service keeps connections for work of its own. */
const AT_ONCE = 12
/** Less than a caller is kept waiting for a connection to the database. */
const WITHIN_MS = 15_000

describe('the first uploads of an organization that fall back', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ settings: { STOWAGE_STORE: 'memory', STOWAGE_FALLBACK_STORE: 'local' } })
    const failing = faultyStore(createMemoryStore(), { put: { at: 'before', effect: 'fail' } })
    service.app.stores.set('memory', failing)
  })
  afterAll(() => service?.stop())

  test('do not wait for each other, however many there are at once', { timeout: 60_000 }, async () => {
    const began = performance.now()
    const uploads = Array.from({ length: AT_ONCE }, () => uploadText(service.call, newText(200_000)))
    const answers = await Promise.all(uploads)
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    // Whoever waits for a connection that another one holds, and the other way round, waits until it is given up.
    expect(performance.now() - began).toBeLessThan(WITHIN_MS)
  })
})

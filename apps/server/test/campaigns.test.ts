import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALLOWED_GROWTH_BYTES, runBigFile } from '../../../scripts/campaigns/big-file.ts'
import { ALLOWED_SHARE, runDedup } from '../../../scripts/campaigns/dedup.ts'
import { runMixed } from '../../../scripts/campaigns/mixed.ts'
import { isThorough } from './effort.ts'
import { startTestService, type TestService } from './test-service.ts'

const BIG_MIB = 64
const MEBIBYTE = 1024 * 1024

test('a big file comes back byte for byte, in ranges too, and the memory of the server does not grow with it', {
  timeout: 120_000,
}, async () => {
  const figures = await runBigFile(BIG_MIB)
  expect(figures).toMatchObject({ mib: BIG_MIB, sameHash: true, rangesRight: true })
  expect(figures.peakGrowthMib * MEBIBYTE).toBeLessThan(ALLOWED_GROWTH_BYTES)
})

describe.skipIf(!isThorough)('the service under many callers', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
  })
  afterAll(() => service?.stop())

  test('a hundred operations of every kind succeed at once', { timeout: 60_000 }, async () => {
    const figures = await runMixed(service.call, 100)
    expect(figures.faults).toEqual([])
    expect(service.errors).toEqual([])
  })

  test('the recipe of shared files is stored at 60 % of its size or less, and no other organization can tell', {
    timeout: 60_000,
  }, async () => {
    const figures = await runDedup(service.call)
    expect(figures.share).toBeLessThanOrEqual(ALLOWED_SHARE)
    expect(figures.signals).toEqual([])
    expect(figures.otherStoredBytes).toBe(figures.storedBytes)
  })
})

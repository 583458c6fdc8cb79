import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { raceNames, runRaces, twoMasterKeys } from '../../../scripts/campaigns/race-rounds.ts'
import { masterKeysFromValue } from '../src/providers/keys/local-keys.ts'
import { times } from './effort.ts'
import { startTestService, type TestService } from './test-service.ts'

const rounds = Number(process.env['STOWAGE_TEST_ROUNDS'] ?? times(3, 8))

describe('races', () => {
  const masterKeys = twoMasterKeys()
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({
      masterKeys: masterKeysFromValue(masterKeys.before),
      settings: {
        STOWAGE_SMALL_OBJECT_BYTES: '1024',
        STOWAGE_UPLOAD_LEASE_SECONDS: '2',
        STOWAGE_DATABASE_CONNECTIONS: '20',
      },
    })
  })
  afterAll(() => service?.stop())

  test.each(raceNames)(
    '%s leaves every version with its bytes, no bytes without a version, and right totals',
    {
      timeout: 60_000 + rounds * 1000,
    },
    async (name) => {
      const figures = await runRaces(service, masterKeys.after, [name], rounds)
      expect(figures.faults).toEqual([])
    },
  )
})

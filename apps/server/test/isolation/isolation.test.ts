import { describe, expect, test } from 'vitest'
import { times } from '../effort.ts'
import { runCampaign } from './campaign.ts'
import { askedOperations, commands } from './compare.ts'

/** Fewer steps leave an operation out now and then. */
const EVERY_OPERATION = 2000
const steps = Number(process.env['STOWAGE_TEST_STEPS'] ?? times(300, EVERY_OPERATION))
const seed = Number(process.env['STOWAGE_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const shrinks = process.env['STOWAGE_TEST_SHRINK'] === 'on'

describe('two organizations in one service', () => {
  test('every operation of the contract has a command', () => {
    expect(askedOperations.filter((name) => !(name in commands))).toEqual([])
  })

  test('every answer to every principal is the one that the matrix gives', {
    timeout: 120_000 + steps * 100,
  }, async () => {
    const { difference, report, answers } = await runCampaign({ steps, seed, shrinks })
    process.stdout.write(`isolation: ${report}\n`)
    expect(difference, report).toBeUndefined()
    if (process.env['STOWAGE_TEST_TABLE'])
      console.table(Object.fromEntries([...answers].map(([name, counts]) => [name, Object.fromEntries(counts)])))
    if (steps >= EVERY_OPERATION) expect(askedOperations.filter((name) => !answers.has(name))).toEqual([])
  })
})

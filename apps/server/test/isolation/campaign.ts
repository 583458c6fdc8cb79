import type { OperationName } from '@stowage/contract'
import fc from 'fast-check'
import { createChooser } from './command.ts'
import { askedOperations, commands, type Difference, play } from './compare.ts'
import { findStrayRows, type StrayRows } from './rows.ts'
import { chooseCaller, openWorld, type World } from './world.ts'

/** One random command: the numbers choose who asks, what about, and with what fields. */
interface Step {
  operation: OperationName
  numbers: number[]
}

const STEPS_A_WORLD = 200
const SHRINK_FOR_MS = 60_000

export interface Campaign {
  steps: number
  seed: number
  operations?: readonly OperationName[]
  /** Changes the world before its first step. */
  prepare?: (world: World) => Promise<void>
  /** Whether to look for the shortest way to a difference, which makes many worlds. */
  shrinks?: boolean
}

export interface Outcome {
  difference: Difference | StrayRows | undefined
  /** How often each operation was answered in each way. */
  answers: Map<OperationName, Map<string, number>>
  report: string
}

/** Drives random commands at fresh worlds until a difference is found or the steps are used up. */
export async function runCampaign(campaign: Campaign): Promise<Outcome> {
  const { steps, seed, operations = askedOperations, prepare, shrinks = false } = campaign
  // fast-check would take anything else for 0, and all campaigns would be the same one.
  if (!Number.isSafeInteger(seed)) throw new Error(`The seed of a campaign is a whole number, not ${seed}`)
  const answers: Outcome['answers'] = new Map()
  let found: Difference | StrayRows | undefined
  const worlds = Math.ceil(steps / STEPS_A_WORLD)
  const length = Math.ceil(steps / worlds)
  const step = fc.record({
    operation: fc.constantFrom(...operations),
    numbers: fc.array(fc.nat(9999), { minLength: 24, maxLength: 24 }),
  })
  const sequence = fc.noBias(fc.array(step, { minLength: shrinks ? 1 : length, maxLength: length, size: 'max' }))
  const property = fc.asyncProperty(sequence, async (all) => {
    found = await runWorld(all, answers, prepare)
    return found === undefined
  })
  const result = await fc.check(property, {
    seed,
    // What may be made shorter is half of the greatest length on average.
    numRuns: shrinks ? 2 * worlds : worlds,
    endOnFailure: !shrinks,
    ...(shrinks && { interruptAfterTimeLimit: Math.max(SHRINK_FOR_MS, steps * 50) }),
  })
  const played = [...answers.values()].flatMap((counts) => [...counts.values()]).reduce((sum, count) => sum + count, 0)
  const figures = `seed ${seed}: ${played} steps in ${result.numRuns} worlds, ${result.numShrinks} shrinks`
  const report = found === undefined ? figures : `${figures}\n${JSON.stringify(found, null, 2)}`
  return { difference: found, answers, report }
}

async function runWorld(steps: readonly Step[], answers: Outcome['answers'], prepare: Campaign['prepare']) {
  const world = await openWorld()
  try {
    await prepare?.(world)
    for (const { operation, numbers } of steps) {
      const chooser = createChooser(numbers)
      const command = commands[operation]
      if (!command) throw new Error(`${operation} has no command`)
      const caller = chooseCaller(operation, chooser, world.model)
      const { difference, reply } = await play(world, operation, caller, command.input(chooser, world.model, caller))
      if (difference) return difference
      const counts = answers.get(operation) ?? new Map<string, number>()
      answers.set(operation, counts.set(reply.answer, (counts.get(reply.answer) ?? 0) + 1))
    }
    return await findStrayRows(world)
  } finally {
    await world.service.stop()
  }
}

import { setTimeout as wait } from 'node:timers/promises'

const EVERY_MS = 50
const WITHIN_MS = 20_000

/** Asks again until the answer is neither undefined nor false. @throws Error when none comes within that time */
export async function poll<Answer>(
  ask: () => Promise<Answer>,
  withinMs = WITHIN_MS,
): Promise<Exclude<Answer, undefined | false>> {
  const until = Date.now() + withinMs
  while (Date.now() < until) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer as Exclude<Answer, undefined | false>
    await wait(EVERY_MS)
  }
  throw new Error(`still not so after ${withinMs} ms: ${ask}`)
}

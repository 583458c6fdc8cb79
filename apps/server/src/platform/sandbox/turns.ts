import { SandboxError } from './errors.ts'

/** Lets so many in at a time; the others wait in the order in which they came. */
export interface Turns {
  /**
   * @returns gives the turn back; call it once
   * @throws SandboxError `aborted` when the signal comes first
   */
  take(signal: AbortSignal): Promise<() => void>
}

export function createTurns(count: number): Turns {
  let free = count
  const waiting = new Set<() => void>()
  const giveBack = () => {
    free += 1
    const [next] = waiting
    next?.()
  }
  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        const enter = () => {
          leave()
          free -= 1
          resolve(giveBack)
        }
        const abort = () => {
          leave()
          reject(new SandboxError('aborted', 'The work was called off.', { cause: signal.reason }))
        }
        const leave = () => {
          waiting.delete(enter)
          signal.removeEventListener('abort', abort)
        }
        if (signal.aborted) return abort()
        if (free > 0) return enter()
        waiting.add(enter)
        signal.addEventListener('abort', abort)
      }),
  }
}

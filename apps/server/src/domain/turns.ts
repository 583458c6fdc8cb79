/** Lets so many in at once; the others wait, and whoever came first goes first. */
export interface Turns {
  /** @returns gives the turn back, once; undefined when none is free */
  tryTake(): (() => void) | undefined
  /**
   * Waits for a free turn.
   *
   * @returns gives it back, once
   * @throws the signal's reason
   */
  take(signal?: AbortSignal): Promise<() => void>
  taken(): number
}

export function createTurns(count: number): Turns {
  let taken = 0
  const waiting = new Set<() => void>()
  const begin = () => {
    let over = false
    return () => {
      if (over) return
      over = true
      const [next] = waiting
      // Handed on without ever being free, so that nobody who comes now is first.
      if (next) next()
      else taken -= 1
    }
  }
  const tryTake = () => {
    if (taken >= count) return undefined
    taken += 1
    return begin()
  }
  return {
    tryTake,
    taken: () => taken,
    async take(signal) {
      signal?.throwIfAborted()
      const free = tryTake()
      if (free) return free
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(enter)
          signal?.removeEventListener('abort', giveUp)
        }
        const enter = () => {
          leave()
          resolve(begin())
        }
        const giveUp = () => {
          leave()
          reject(signal?.reason)
        }
        waiting.add(enter)
        signal?.addEventListener('abort', giveUp)
      })
    },
  }
}

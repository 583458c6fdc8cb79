import { ScanError } from './port.ts'

export interface Places {
  /** Waits for a free place. @returns gives it back, once */
  take(signal: AbortSignal): Promise<() => void>
  taken(): number
}

/** So many at once; whoever came first goes first. */
export function createPlaces(count: number): Places {
  let taken = 0
  const waiting = new Set<() => void>()
  const giveBack = () => {
    let given = false
    return () => {
      if (given) return
      given = true
      const [next] = waiting
      if (next === undefined) taken -= 1
      else {
        waiting.delete(next)
        next()
      }
    }
  }
  return {
    taken: () => taken,
    async take(signal) {
      if (signal.aborted) throw new ScanError('the scan was given up')
      if (taken < count) {
        taken += 1
        return giveBack()
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const giveUp = () => {
        waiting.delete(resolve)
        reject(new ScanError('the scan was given up while it waited for a place'))
      }
      waiting.add(resolve)
      signal.addEventListener('abort', giveUp, { once: true })
      try {
        await promise
      } finally {
        signal.removeEventListener('abort', giveUp)
      }
      return giveBack()
    },
  }
}

/** Wakes whoever waits for work in this process; other processes find it by looking. */
export interface Bell {
  ring(): void
  /** Resolves when it rings, and after so many milliseconds at the latest. */
  wait(ms: number): Promise<void>
}

export function createBell(): Bell {
  let rung = false
  let wake = () => {
    rung = true
  }
  return {
    ring: () => wake(),
    wait: (ms) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer)
          rung = false
          // Rung while nobody waits, it is heard by the next to come.
          wake = () => {
            rung = true
          }
          resolve()
        }
        const timer = setTimeout(end, rung ? 0 : ms)
        wake = end
      }),
  }
}

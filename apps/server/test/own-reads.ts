import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

const THREADS = '/proc/self/task'

/** Whether this system counts what is read. */
export const COUNTS_READS = existsSync(THREADS)

/**
 * Bytes that the threads of this process have read through the system, from files and else. What is said of the process
 * as a whole has in it what every child had read that has ended.
 */
export async function readBytes(): Promise<number> {
  let sum = 0
  for (const thread of await readdir(THREADS)) {
    const io = await readFile(`${THREADS}/${thread}/io`, 'utf8').catch(() => '')
    sum += Number(/rchar: (\d+)/.exec(io)?.[1] ?? 0)
  }
  return sum
}

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

const THREADS = '/proc/self/task'

/** Whether this system counts what a thread reads. */
export const COUNTS_READS = existsSync('/proc/thread-self/io')

/**
 * Bytes that the threads of this process have read through the system, from files and else. What is said of the process
 * as a whole has in it what every child had read that has ended.
 *
 * @returns 0 where the system does not count
 */
export async function readBytes(): Promise<number> {
  if (!COUNTS_READS) return 0
  let sum = 0
  for (const thread of await readdir(THREADS)) {
    const io = await readFile(`${THREADS}/${thread}/io`, 'utf8').catch(() => '')
    sum += Number(/rchar: (\d+)/.exec(io)?.[1] ?? 0)
  }
  return sum
}

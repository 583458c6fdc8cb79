import { readdirSync, readFileSync } from 'node:fs'
import { cpuOf } from './measure.ts'

const TICKS_PER_SECOND = 100
const LOOK_EVERY_MS = 200

/** Seconds of processor time. */
export interface Cpu {
  server: number
  workers: number
  /** The processes that read files, and the programs that they are helped by. */
  children: number
  database: number
}

/**
 * Counts the processor time of all parts from now on. A child that is killed takes its time with it, so children are
 * looked at five times a second; what one does after the last look is not counted.
 *
 * @param database the process below which it runs
 */
export function watchCpu(server: number, workers: readonly number[], database: number): { stop(): Cpu } {
  const ownNow = () => ({
    server: cpuOf(server).server,
    workers: workers.reduce((sum, pid) => sum + cpuOf(pid).server, 0),
    database: cpuOf(database).database,
  })
  const before = ownNow()
  const seen = new Map<string, { first: number; last: number }>()
  const look = (isFirst: boolean) => {
    const all = timesOfAll()
    for (const { key, seconds } of workers.flatMap((pid) => below(pid, all))) {
      const first = seen.get(key)?.first ?? (isFirst ? seconds : 0)
      seen.set(key, { first, last: seconds })
    }
  }
  look(true)
  const timer = setInterval(look, LOOK_EVERY_MS, false)
  return {
    stop() {
      look(false)
      clearInterval(timer)
      const after = ownNow()
      return {
        server: after.server - before.server,
        workers: after.workers - before.workers,
        children: [...seen.values()].reduce((sum, { first, last }) => sum + last - first, 0),
        database: after.database - before.database,
      }
    },
  }
}

interface Times {
  pid: number
  parent: number
  /** Names one process for good: its id and when it began. */
  key: string
  seconds: number
}

/** proc_pid_stat(5): behind the name in brackets, parent is the second field, times are the twelfth, the start the twentieth. */
function timesOfAll(): Times[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!(pid > 0)) return []
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
      return [{ pid, parent: Number(fields[1]), key: `${pid} ${fields[19]}`, seconds }]
    } catch {
      return []
    }
  })
}

function below(pid: number, all: readonly Times[]): Times[] {
  return all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...below(child.pid, all)])
}

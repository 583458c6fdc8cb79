import { readFileSync } from 'node:fs'

/** A line of `/proc/<pid>/stat`, as far as it matters here. See proc_pid_stat(5). */
export interface ProcStat {
  group: number
  cpuSeconds: number
  residentPages: number
  /** Ticks after the start of the machine; with the process id it names one process for good. */
  startedAt: string
  zombie: boolean
}

/** The kernel's USER_HZ, which is the same on every Linux whatever its timer does. */
const TICKS_PER_SECOND = 100

/** @returns undefined when there is no such process (any more) */
export function readStat(pid: number): ProcStat | undefined {
  let line: string
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The second field is the program's name in brackets and may hold anything; these are the fields from the third on.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return {
    group: Number(fields[2]),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentPages: Number(fields[21]),
    startedAt: fields[19] ?? '',
    zombie: fields[0] === 'Z',
  }
}

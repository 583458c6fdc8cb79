import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

interface Process {
  pid: number
  name: string
  parent: number
  seconds: number
  /** Of children that have ended. */
  childrenSeconds: number
}

/** proc_pid_stat(5): the name stands in brackets and may hold spaces; utime is field 14. */
function readProcess(pid: number): Process | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const close = text.lastIndexOf(')')
    const fields = text.slice(close + 2).split(' ')
    const ticks = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) / TICKS_PER_SECOND
    const name = text.slice(text.indexOf('(') + 1, close)
    return { pid, name, parent: Number(fields[1]), seconds: ticks(11), childrenSeconds: ticks(13) }
  } catch {
    return undefined
  }
}

/** CPU seconds of a process and of the database that runs below it, since they began. */
export function cpuOf(pid: number): { server: number; database: number } {
  const all = readdirSync('/proc')
    .map(Number)
    .filter((each) => each > 0)
    .flatMap((each) => readProcess(each) ?? [])
  const below = new Set([pid])
  // A child is younger than its parent, but its number may be smaller: repeat until nothing is added.
  for (let before = 0; before < below.size; ) {
    before = below.size
    for (const each of all) if (below.has(each.parent)) below.add(each.pid)
  }
  const database = all.filter((each) => each.pid !== pid && below.has(each.pid) && each.name.startsWith('postgres'))
  return {
    server: readProcess(pid)?.seconds ?? 0,
    database: database.reduce((sum, each) => sum + each.seconds + each.childrenSeconds, 0),
  }
}

/** Forgets the peak so far: proc_pid_clear_refs(5), value 5. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** The most memory that a process has had resident since `resetPeak`. */
export function peakBytes(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kib) * 1024
}

/**
 * What a process has read and written since it began, from and to sockets as well as files: proc_pid_io(5), rchar and
 * wchar.
 */
export function movedBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'latin1')
  const moved = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1])
  return moved('rchar') + moved('wchar')
}

/** The value below which this share of the values lies. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ProcStat, readStat } from './proc.ts'

/** What the living processes of a group take up. */
export interface Usage {
  residentBytes: number
  /** On Linux also of those that have ended, as far as they were seen. */
  cpuSeconds: number
  processes: number
}

export interface Meter {
  /** Milliseconds between two looks that its cost allows. */
  readonly everyMs: number
  read(): Promise<Usage>
}

/** Measures a process group, and needs no more than `/proc` or `ps`. */
export function createMeter(group: number): Meter {
  return process.platform === 'linux' ? procMeter(group) : psMeter(group)
}

/** Looking for new members costs as much as the machine has processes: at most a fiftieth of the time goes there. */
const SEARCH_SHARE = 50
const READ_AT_ONCE = 16

function procMeter(group: number): Meter {
  const pageBytes = pageSize()
  const seconds = new Map<number, number>()
  let members: number[] = []
  let nextSearchAt = 0
  const stats = async (): Promise<ProcStat[]> => {
    const began = performance.now()
    const searches = began >= nextSearchAt
    const found: { pid: number; stat: ProcStat }[] = []
    for (const [index, pid] of (searches ? allProcesses() : members).entries()) {
      // Others want their turn while a long list is gone through.
      if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await nextTurn()
      const stat = readStat(pid)
      if (stat?.group === group && !stat.zombie) found.push({ pid, stat })
    }
    members = found.map(({ pid }) => pid)
    for (const { pid, stat } of found) seconds.set(pid, stat.cpuSeconds)
    if (searches) nextSearchAt = performance.now() + (performance.now() - began) * SEARCH_SHARE
    return found.map(({ stat }) => stat)
  }
  return {
    everyMs: 50,
    read: async () => {
      const living = await stats()
      return {
        residentBytes: sum(living.map((stat) => stat.residentPages)) * pageBytes,
        cpuSeconds: sum([...seconds.values()]),
        processes: living.length,
      }
    },
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

/** 4, 16 or 64 KiB; Node does not tell it, but how much of itself is resident, as the kernel does in pages. */
function pageSize(): number {
  const pages = readStat(process.pid)?.residentPages ?? 0
  return pages === 0 ? 4096 : 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages))
}

function psMeter(group: number): Meter {
  return {
    everyMs: 200,
    read: () =>
      new Promise((resolve) => {
        execFile(
          'ps',
          ['-A', '-o', 'pgid=,rss=,time='],
          { encoding: 'utf8', env: { PATH: '/bin:/usr/bin', LANG: 'C' } },
          (_, lines) => resolve(usageIn(String(lines), group)),
        )
      }),
  }
}

/** @param lines as `ps -o pgid=,rss=,time=` prints them: numbers, KiB, and `[[dd-]hh:]mm:ss[.ss]` */
export function usageIn(lines: string, group: number): Usage {
  const rows = lines
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([pgid]) => Number(pgid) === group)
  return {
    residentBytes: sum(rows.map(([, kibibytes]) => Number(kibibytes))) * 1024,
    cpuSeconds: sum(rows.map(([, , time]) => secondsIn(time ?? ''))),
    processes: rows.length,
  }
}

function secondsIn(time: string): number {
  const [clock = '', days = '0'] = time.split('-').reverse()
  return Number(days) * 86_400 + clock.split(':').reduce((total, part) => total * 60 + Number(part), 0)
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

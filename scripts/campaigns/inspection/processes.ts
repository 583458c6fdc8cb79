import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a server and all that it has started take, by what Linux tells of processes. */

const PAGE_BYTES = 4096
const LOOK_EVERY_MS = 200

interface Running {
  pid: number
  parent: number
  name: string
  residentBytes: number
}

export interface Watched {
  /** Of the server's own process. */
  serverBytes: number
  /** Of everything below it together, its database left out. */
  childrenBytes: number
  children: number
}

export function running(): Running[] {
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    return pid > 0 ? (statusOf(pid) ?? []) : []
  })
}

/** proc_pid_stat(5): the name stands in brackets and may hold anything; the parent is field 4, the pages are field 24. */
function statusOf(pid: number): Running | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
    if (fields[0] === 'Z') return undefined
    return { pid, name, parent: Number(fields[1]), residentBytes: Number(fields[21]) * PAGE_BYTES }
  } catch {
    return undefined
  }
}

/** Everything that a process has started, directly or not, and that is still below it. */
export function below(pid: number, all: readonly Running[]): Running[] {
  const children = all.filter(({ parent }) => parent === pid)
  return children.flatMap((child) => [child, ...below(child.pid, all)])
}

/** Looks at a server's memory, and at that of its children, until it is told to stop. @returns the peaks */
export function watchMemory(pid: number): { stop(): Watched } {
  const peak: Watched = { serverBytes: 0, childrenBytes: 0, children: 0 }
  const look = () => {
    const all = running()
    const children = below(pid, all).filter(({ name }) => !name.startsWith('postgres'))
    const bytes = children.reduce((sum, { residentBytes }) => sum + residentBytes, 0)
    peak.serverBytes = Math.max(peak.serverBytes, all.find((each) => each.pid === pid)?.residentBytes ?? 0)
    peak.childrenBytes = Math.max(peak.childrenBytes, bytes)
    peak.children = Math.max(peak.children, children.length)
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  return {
    stop() {
      look()
      clearInterval(timer)
      return peak
    },
  }
}

/** Processes that were started with this folder in their command, or work in it. */
export function workingIn(folder: string): string[] {
  return running().flatMap(({ pid, name }) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
      const place = readlinkSync(`/proc/${pid}/cwd`)
      return pid !== process.pid && (command.includes(folder) || place.startsWith(folder))
        ? [`${pid} ${name}: ${command}`]
        : []
    } catch {
      return []
    }
  })
}

import { SandboxError } from './errors.ts'
import type { Group } from './group.ts'
import type { SandboxLimits } from './limits.ts'
import type { Meter } from './meter.ts'

/** Stands over a job, kills its processes when one limit is passed, and knows why they were killed. */
export interface Watch {
  /** Kills them for this reason; the first reason stands. */
  condemn(reason: Error): void
  reason(): Error | undefined
  /** The job is over. */
  stop(): void
}

/** No honest program that reads a file needs more; LibreOffice comes with three. */
const MAX_PROCESSES = 64

const MEBIBYTE = 2 ** 20

export function watch(group: Group, meter: Meter, limits: SandboxLimits, signal: AbortSignal): Watch {
  let reason: Error | undefined
  let stopped = false
  let next: NodeJS.Timeout | undefined
  const condemn = (why: Error) => {
    reason ??= why
    group.kill()
  }
  const abort = () => condemn(new SandboxError('aborted', 'The work was called off.', { cause: signal.reason }))
  const clock = setTimeout(() => condemn(tooLong(limits)), limits.wallSeconds * 1000)
  const look = async (cpuBefore?: number) => {
    const usage = await meter.read()
    if (stopped) return
    const before = cpuBefore ?? usage.cpuSeconds
    const why = excess({ ...usage, cpuSeconds: usage.cpuSeconds - before }, limits)
    if (why !== undefined) return condemn(why)
    next = setTimeout(look, meter.everyMs, before)
    next.unref()
  }

  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  void look()
  return {
    condemn,
    reason: () => reason,
    stop: () => {
      stopped = true
      clearTimeout(clock)
      clearTimeout(next)
      signal.removeEventListener('abort', abort)
    },
  }
}

function excess(usage: Awaited<ReturnType<Meter['read']>>, limits: SandboxLimits): SandboxError | undefined {
  if (usage.processes > MAX_PROCESSES)
    return new SandboxError('processes', `It started more than ${MAX_PROCESSES} processes.`)
  if (usage.residentBytes > limits.memoryBytes)
    return new SandboxError('memory', `It took more than ${Math.round(limits.memoryBytes / MEBIBYTE)} MiB of memory.`)
  if (usage.cpuSeconds > limits.cpuSeconds)
    return new SandboxError('cpu', `It took more than ${limits.cpuSeconds} s of processor time.`)
  return undefined
}

function tooLong(limits: SandboxLimits): SandboxError {
  return new SandboxError('timeout', `It took more than ${limits.wallSeconds} s.`)
}

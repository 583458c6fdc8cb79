import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { crashOf } from './endings.ts'
import { SandboxError } from './errors.ts'
import { startGroup } from './group.ts'
import { confined, type Plan } from './guards.ts'
import type { SandboxLimits } from './limits.ts'
import { createMeter } from './meter.ts'
import { watch } from './watch.ts'

export interface ProgramOptions {
  /** Where it works, and the only place that it may write to where `bwrap` guards it. */
  folder: string
  limits: SandboxLimits
  signal: AbortSignal
  /** Its standard input; nothing by default. */
  input?: Buffer
}

export interface ProgramOutput {
  stdout: Buffer
  /** The last 4 KiB of it. */
  stderr: string
}

/** Above it, a shell speaks of signals. */
const LAST_EXIT_CODE = 127

/** Of some thirty threads. */
const RESERVED_FOR_STACKS_BYTES = 256 * 2 ** 20

/** @throws SandboxError */
export async function runProgram(
  plan: Plan,
  program: string,
  args: readonly string[],
  { folder, limits, signal, input }: ProgramOptions,
): Promise<ProgramOutput> {
  const path = findProgram(program)
  if (path === undefined) throw new SandboxError('failed', `There is no program ${program}.`, { exitCode: 127 })
  const { outputBytes } = limits
  const command = confined(plan, [path, ...args], {
    ...limits,
    reservedBytes: RESERVED_FOR_STACKS_BYTES,
    fileBytes: outputBytes,
    folder,
    folderIsWritable: true,
    readable: [],
  })
  const group = startGroup(command, {
    folder,
    environment: { PATH: searchPath(), LANG: 'C.UTF-8', HOME: folder, TMPDIR: folder },
    input: input === undefined ? 'ignore' : 'pipe',
    output: 'pipe',
    channel: false,
  })
  const guard = watch(group, createMeter(group.id ?? NO_GROUP), limits, signal)
  const printed: Buffer[] = []
  let left = outputBytes
  group.child.stdout?.on('data', (bytes: Buffer) => {
    left -= bytes.byteLength
    if (left < 0) guard.condemn(new SandboxError('output', `It printed more than ${outputBytes} bytes.`))
    else printed.push(bytes)
  })
  group.child.stdin?.end(input)

  const ending = await group.ended
  guard.stop()
  const reason = guard.reason()
  if (reason !== undefined) throw reason
  if (ending.status === 0) return { stdout: Buffer.concat(printed), stderr: group.errors() }
  const crash = crashOf(ending, group.errors())
  if (crash.kind !== 'crashed' || ending.status === undefined || ending.status > LAST_EXIT_CODE) throw crash
  throw new SandboxError('failed', crash.message, { exitCode: ending.status })
}

const NO_GROUP = -1

function searchPath(): string {
  return process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
}

/** @returns its absolute path, or undefined when nothing that can be run has this name */
export function findProgram(program: string): string | undefined {
  const candidates = program.includes('/')
    ? [program]
    : searchPath()
        .split(':')
        .map((folder) => join(folder, program))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

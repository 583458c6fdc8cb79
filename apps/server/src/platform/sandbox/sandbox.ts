import { tmpdir } from 'node:os'
import type { Grant } from './child.ts'
import { sweepFolders, withFolder } from './folder.ts'
import type { Guards, Plan } from './guards.ts'
import type { SandboxLimits } from './limits.ts'
import { createPool } from './pool.ts'
import { choosePlan } from './probe.ts'
import { type ProgramOptions, type ProgramOutput, runProgram } from './programs.ts'

export { RemoteError, SandboxError } from './errors.ts'
export type { Grant, Guards, ProgramOptions, ProgramOutput, SandboxLimits }

/**
 * Where hostile files are read: in processes without network, environment or a right to anything but their own file,
 * that may be killed at any moment.
 *
 * Every job ends within its limits, and with all that it started; nothing is left behind when the server ends, however
 * it ends.
 */
export interface Sandbox {
  /**
   * Runs `export async function run(job, emit, folder)` of a module of ours in a child process of Node's.
   *
   * The child reads the files of `options.folder` at another path, the third argument of `run`: a job MUST name its
   * files as they are called in the folder. It sees them as they are when it begins, and it MUST NOT change them.
   *
   * @param entry absolute path of the module
   * @param job anything that a structured clone can hold
   * @throws SandboxError; RemoteError when `run` threw; or what `take` threw
   */
  run<Job, Piece>(entry: string, job: Job, options: RunOptions<Piece>): Promise<void>

  /**
   * Runs an external program to its end in the folder, with what it starts.
   *
   * @param program a name to be found by PATH, or a path
   * @throws SandboxError `failed` with `exitCode` unless it ends with 0
   */
  exec(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramOutput>

  /** Works in a private folder that is removed afterwards, at the latest by the next start of a server. */
  withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result>

  guards(): Guards

  /** Calls all work off and ends every process. */
  close(): Promise<void>
}

export interface RunOptions<Piece> {
  folder: string
  limits: SandboxLimits
  signal: AbortSignal
  /** `emit` in the child resolves after this has, so that a slow taker slows the module. */
  take(piece: Piece): Promise<void>
  /** A child with addons has only one job, which costs the time to start one. */
  grants?: readonly Grant[]
}

export interface SandboxOptions {
  /** How many children work at the same time, and are kept warm. */
  size?: number
  /** Where private folders are made; by default where the system keeps what is temporary. */
  parent?: string
  /** By default what works here, found by trying. */
  plan?: Plan
}

export async function createSandbox({ size = 2, parent = tmpdir(), plan }: SandboxOptions = {}): Promise<Sandbox> {
  await sweepFolders(parent)
  const chosen = plan ?? (await choosePlan(parent))
  const pool = createPool(chosen, size, parent)
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  const track = <Result>(work: Promise<Result>): Promise<Result> => {
    const over: Promise<unknown> = work.catch(() => {}).then(() => underWay.delete(over))
    underWay.add(over)
    return work
  }
  return {
    run: (entry, job, { grants = [], ...options }) => {
      const { memoryBytes, cpuSeconds } = options.limits
      const signal = AbortSignal.any([options.signal, closing.signal])
      const take = options.take as (piece: unknown) => Promise<void>
      return track(pool.run({ grants, memoryBytes, cpuSeconds }, { ...options, entry, job, signal, take }))
    },
    exec: (program, args, options) => {
      const signal = AbortSignal.any([options.signal, closing.signal])
      return track(runProgram(chosen, program, args, { ...options, signal }))
    },
    withFolder: (work) => withFolder(parent, work),
    guards: () => chosen.guards,
    close: async () => {
      closing.abort()
      await Promise.all(underWay)
      await pool.close()
    },
  }
}

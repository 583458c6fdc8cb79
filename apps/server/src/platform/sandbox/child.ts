import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crashOf } from './endings.ts'
import { RemoteError, SandboxError } from './errors.ts'
import { makeFolder, removeFolder, showFolder } from './folder.ts'
import { createReader, frame } from './frames.ts'
import { type Group, startGroup } from './group.ts'
import { confined, type Plan } from './guards.ts'
import type { SandboxLimits } from './limits.ts'
import { type Failure, heard, type ToChild } from './messages.ts'
import { createMeter } from './meter.ts'
import { readableCode } from './readable-code.ts'
import { type Watch, watch } from './watch.ts'

/** What Node's permission model refuses unless it is asked for. */
export type Grant = 'addons' | 'wasi'

/** What is settled when a child starts; children of one kind stand in for each other. */
export interface ChildKind {
  grants: readonly Grant[]
  memoryBytes: number
  /** Of one job. */
  cpuSeconds: number
}

export interface Work {
  entry: string
  job: unknown
  folder: string
  limits: SandboxLimits
  signal: AbortSignal
  take(piece: unknown): Promise<void>
}

/** A warm process of Node's. It has one job at a time. */
export interface Child {
  /** @throws SandboxError | RemoteError | whatever `take` threw */
  run(work: Work): Promise<void>
  /** Whether it may have another job. */
  fit(): boolean
  end(): Promise<void>
}

const MAIN = fileURLToPath(new URL('./child-main.ts', import.meta.url))

const MEBIBYTE = 2 ** 20
const MAX_RESTING_BYTES = 300 * MEBIBYTE
/** 512 for code, the rest for the stacks of its threads: measured at 596 MB. */
const RESERVED_BY_NODE_BYTES = 640 * MEBIBYTE
/** What a message may have above the pieces: an error with all its fields. */
const ROOM_FOR_FAILURES_BYTES = 2 ** 20
const START_MS = 15_000
const END_MS = 1_000

/** Native code that a file has taken over would see the files of all that come after it. */
function jobsOf(kind: ChildKind): number {
  return kind.grants.includes('addons') ? 1 : 50
}

/** @throws SandboxError `unavailable` when Node does not start behind these guards */
export async function startChild(plan: Plan, kind: ChildKind, parent: string): Promise<Child> {
  const desk = await makeFolder(parent)
  const group = startGroup(commandOf(plan, kind, desk), {
    folder: desk,
    environment: {},
    input: 'ignore',
    output: 'ignore',
    channel: true,
  })
  let fit = true
  void group.ended.then(() => {
    fit = false
  })
  const end = async () => {
    fit = false
    group.channel?.end()
    const late = setTimeout(group.kill, END_MS)
    await group.ended
    clearTimeout(late)
    await removeFolder(desk)
  }
  try {
    await isReady(group)
  } catch (error) {
    group.kill()
    await end()
    throw new SandboxError('unavailable', 'No child could be started.', { cause: error })
  }

  const meter = createMeter(group.id!)
  let jobs = 0
  const run = async (work: Work) => {
    jobs += 1
    const shown = join(desk, String(jobs))
    const guard = watch(group, meter, work.limits, work.signal)
    try {
      await showFolder(work.folder, shown)
      const clean = await converse(group, guard, shown, work)
      const { residentBytes } = await meter.read()
      fit &&= clean && jobs < jobsOf(kind) && residentBytes <= MAX_RESTING_BYTES
    } catch (error) {
      fit &&= error instanceof RemoteError && OWN.has(error) && jobs < jobsOf(kind)
      throw error
    } finally {
      fit &&= guard.reason() === undefined
      if (!fit) group.kill()
      if (!fit) await group.ended
      guard.stop()
      await removeFolder(shown)
    }
  }
  return { run, fit: () => fit, end }
}

function commandOf(plan: Plan, kind: ChildKind, desk: string): string[] {
  const code = readableCode()
  const readable = [...code.files, ...[...code.folders, desk].map((folder) => join(folder, '*'))]
  const command = [
    process.execPath,
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...kind.grants.map((grant) => `--allow-${grant}`),
    `--max-old-space-size=${Math.ceil(kind.memoryBytes / MEBIBYTE)}`,
    '--no-warnings',
    MAIN,
  ]
  return confined(plan, command, {
    cpuSeconds: kind.cpuSeconds * jobsOf(kind),
    memoryBytes: kind.memoryBytes,
    reservedBytes: RESERVED_BY_NODE_BYTES,
    folder: desk,
    folderIsWritable: false,
    readable: [...code.files, ...code.folders],
  })
}

async function isReady(group: Group): Promise<void> {
  let late: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      late = setTimeout(() => reject(new SandboxError('crashed', 'It did not start in time.')), START_MS)
      void group.ended.then((ending) => reject(crashOf(ending, group.errors())))
      // It says nothing else before it has a job.
      group.channel?.once('data', () => resolve())
    })
  } finally {
    clearTimeout(late)
    group.channel?.pause()
  }
}

/** Errors that the module threw on purpose: they leave its child fit. */
const OWN = new WeakSet<RemoteError>()

/** Gives the child its job and takes its pieces. @returns whether it left nothing running behind */
function converse(group: Group, guard: Watch, shown: string, work: Work): Promise<boolean> {
  const { outputBytes } = work.limits
  const channel = group.channel!
  return new Promise((resolve, reject) => {
    let left = outputBytes
    let taking: Promise<void> | undefined
    const tell = (message: ToChild) => void channel.write(frame(message))
    const close = async (settle: () => void) => {
      channel.off('data', read)
      channel.pause()
      await taking
      settle()
    }
    const take = (piece: unknown, sizeBytes: number) => {
      left -= sizeBytes
      if (left < 0) return guard.condemn(tooMuch(work.limits))
      const next = () => {
        taking = undefined
        tell({ kind: 'taken' })
      }
      taking = giveTo(work, piece).then(next, guard.condemn)
    }
    const hear = (said: unknown, sizeBytes: number) => {
      const message = heard(said)
      if (message?.kind === 'overflow') guard.condemn(tooMuch(work.limits))
      else if (message === undefined || taking !== undefined) guard.condemn(nonsense())
      else if (message.kind === 'piece') take(message.piece, sizeBytes)
      else if (message.kind === 'done') void close(() => resolve(message.clean))
      else if (message.kind === 'failed') void close(() => reject(errorOf(message)))
      else guard.condemn(nonsense())
    }
    const reader = createReader(outputBytes + ROOM_FOR_FAILURES_BYTES, hear)
    const read = (bytes: Buffer) => {
      try {
        reader(bytes)
      } catch (error) {
        guard.condemn(nonsense(error))
      }
    }

    void group.ended.then((ending) => close(() => reject(guard.reason() ?? crashOf(ending, group.errors()))))
    channel.on('data', read)
    channel.resume()
    tell({ kind: 'job', entry: work.entry, job: work.job, folder: shown, outputBytes })
  })
}

/** Also what it throws before it waits is a rejection. */
async function giveTo(work: Work, piece: unknown): Promise<void> {
  await work.take(piece)
}

function nonsense(cause?: unknown): SandboxError {
  return new SandboxError('crashed', 'It did not keep to the protocol.', { cause })
}

function tooMuch({ outputBytes }: SandboxLimits): SandboxError {
  return new SandboxError('output', `It said more than ${outputBytes} bytes.`)
}

function errorOf({ name, message, fields, own, outOfMemory }: Failure): Error {
  if (outOfMemory) return new SandboxError('memory', `It found no more memory: ${message}`)
  const error = new RemoteError(name, message, fields)
  if (own) OWN.add(error)
  return error
}

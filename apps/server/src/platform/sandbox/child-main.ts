/**
 * What runs in a child: one job after the other, each by the `run` of a module of ours.
 *
 * Trusted is the code that the server itself consists of, also to keep nothing of a job in the state of a module: a
 * module MUST make whatever reads a file (an instance of WebAssembly above all, whose memory a hostile file may have
 * turned) anew for each job. What the child can see of that, it checks: a job that leaves anything running behind is
 * the last one of this child. A file that its job left open can be read by nobody who does not have its handle, and no
 * later job can open it, because the server takes it away. Native code is not trusted that far: a child with addons
 * has one job only. See `jobsOf` in child.ts.
 */
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { createReader, frame } from './frames.ts'
import { type Failure, type FromChild, plainFields, type ToChild, textOf } from './messages.ts'

type Run = (job: unknown, emit: (piece: unknown) => Promise<void>, folder: string) => Promise<void>

const SETTLE_MS = 10

let taken: (() => void) | undefined

for (const name of Object.keys(process.env)) delete process.env[name]
const channel = new Socket({ fd: 4 })
channel.once('error', () => process.exit())
channel.once('close', () => process.exit())
channel.on('data', createReader(Number.POSITIVE_INFINITY, hear))
tell({ kind: 'ready' })

function hear(said: unknown): void {
  const message = said as ToChild
  if (message.kind === 'job') void work(message)
  else taken?.()
}

function tell(message: FromChild): void {
  channel.write(frame(message))
}

async function work({ entry, job, folder, outputBytes }: ToChild & { kind: 'job' }): Promise<void> {
  const emitter = createEmitter(outputBytes)
  let running = 0
  try {
    const { run } = (await import(pathToFileURL(entry).href)) as { run: Run }
    running = process.getActiveResourcesInfo().length
    await run(job, emitter.emit, folder)
    await emitter.finish()
    tell({ kind: 'done', clean: await settles(running) })
  } catch (error) {
    emitter.close()
    const failure = failureOf(error)
    tell({ kind: 'failed', ...failure, own: failure.own && (await settles(running)) })
  }
}

/** Gives one piece at a time, so that a slow taker slows the module and the server never holds two. */
function createEmitter(outputBytes: number) {
  let left = outputBytes
  let last = Promise.resolve()
  let open = true
  const give = (piece: unknown) =>
    new Promise<void>((resolve) => {
      // What a job left running must not speak in the next one's name.
      if (!open) throw new Error('The job is over.')
      const bytes = frame({ kind: 'piece', piece } satisfies FromChild)
      left -= bytes.byteLength
      // Then it never resolves: the server kills the child.
      if (left < 0) return tell({ kind: 'overflow' })
      taken = resolve
      channel.write(bytes)
    })
  return {
    emit: (piece: unknown) => {
      last = last.then(() => give(piece))
      return last
    },
    close: () => {
      open = false
    },
    finish: async () => {
      await last
      open = false
    },
  }
}

/** Whether no more is running than before; what is just being closed gets a moment. */
async function settles(before: number): Promise<boolean> {
  const settled = () => process.getActiveResourcesInfo().length <= before
  if (!settled()) await pause(SETTLE_MS)
  return settled()
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error))
    return { name: 'Error', message: textOf(error), fields: {}, own: false, outOfMemory: false }
  return {
    name: textOf(error.name),
    message: textOf(error.message),
    fields: plainFields(error),
    own: isOwn(error),
    outOfMemory: isOutOfMemory(error),
  }
}

/** An error of the language, of WebAssembly, of Node or of the system was not thrown on purpose. */
const FAULTS = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError, AggregateError, DOMException]
const WASM_FAULTS = ['RuntimeError', 'CompileError', 'LinkError']

function isOwn(error: Error): boolean {
  const { code, errno } = error as NodeJS.ErrnoException
  if (FAULTS.some((type) => error instanceof type) || WASM_FAULTS.includes(error.name)) return false
  return errno === undefined && !String(code).startsWith('ERR_')
}

function isOutOfMemory(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ERR_MEMORY_ALLOCATION_FAILED' || code === 'ENOMEM') return true
  return error instanceof RangeError && /allocation failed|could not allocate|unable to grow/i.test(error.message)
}

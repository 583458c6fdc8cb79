import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import { frame } from './frames.ts'

/** One module that does all that an honest or a hostile job may do, by name. */
type Emit = (piece: unknown) => Promise<void>
type Deeds = Record<string, (emit: Emit, folder: string, argument: string) => Promise<unknown>>

/** Drawn anew in each process. */
const PROCESS = randomUUID()

/** As one who has taken over the process finds it. */
const CHANNEL = 4

const kept: unknown[] = []

/** Goes on when nobody takes it for the moment. */
function insist(bytes: Buffer): void {
  try {
    writeSync(CHANNEL, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
}

class FixtureError extends Error {
  readonly kind = 'corrupt'
  readonly page = 3
  readonly parts = ['not plain']
}

const DEEDS: Deeds = {
  'say who I am': (emit) => emit(PROCESS),
  'read my file': (emit, folder, name) => emit(readFileSync(join(folder, name))),
  'list my folder': (emit, folder) => emit(readdirSync(folder, { recursive: true })),
  'read a path': (emit, _, path) => emit(readFileSync(path, 'utf8')),
  'list a path': (emit, _, path) => emit(readdirSync(path)),
  'write to my folder': async (_, folder) => writeFileSync(join(folder, 'mine'), 'x'),
  'say what is around me': (emit) => emit({ environment: { ...process.env }, priority: getPriority() }),
  'say nothing': async () => {},
  'loop for ever': async () => {
    for (;;) kept.length = 0
  },
  'wait for ever': () => pause(2 ** 30),
  'fill buffers': async () => {
    for (;;) {
      kept.push(Buffer.alloc(16 * 2 ** 20, 1))
      await pause(1)
    }
  },
  'fill buffers without a pause': async () => {
    for (;;) kept.push(Buffer.alloc(16 * 2 ** 20, 1))
  },
  'fill the heap': async () => {
    for (;;) kept.push({ text: 'x'.repeat(10) + kept.length })
  },
  'start a program': async () => execFileSync('/bin/sh', ['-c', ':']),
  'start a worker': async () => new Worker('', { eval: true }),
  connect: (_, __, port) =>
    new Promise((resolve, reject) => connect(Number(port), '127.0.0.1').on('connect', resolve).on('error', reject)),
  'load an addon': async () => process.dlopen({ exports: {} }, '/nowhere.node'),
  'throw on purpose': async () => {
    throw new FixtureError('nothing to be read')
  },
  'make a mistake': async () => (undefined as unknown as string).length,
  'throw outside of any promise': async () => {
    setTimeout(() => {
      throw new Error('late')
    })
    await pause(2 ** 30)
  },
  'end itself': async () => process.exit(0),
  'die soon': async () => void setTimeout(() => process.exit(), 50).unref(),
  'leave a timer running': async (emit) => {
    setInterval(() => {}, 1000)
    await emit(PROCESS)
  },
  'speak after the end': async (emit) => {
    void pause(20).then(() => emit('late').catch(() => {}))
  },
  'wait a little': () => pause(60),
  'say a lot': async (emit) => {
    for (;;) await emit(Buffer.alloc(10_000))
  },
  'say one thing that is too long': (emit) => emit(Buffer.alloc(10_000_000)),
  'count to five': async (emit) => {
    for (let count = 1; count <= 5; count++) await emit({ count, at: performance.timeOrigin + performance.now() })
  },
  'count to five without waiting': async (emit) => {
    for (let count = 1; count <= 5; count++) void emit({ count })
  },
  'say a structure': (emit) =>
    emit({ date: new Date(0), bytes: Buffer.from('x'), map: new Map([[1, [null]]]), n: 10n }),
  'speak out of turn': async () => {
    for (;;) insist(frame({ kind: 'piece', piece: 'x' }))
  },
  'speak nonsense': async () => {
    writeSync(CHANNEL, Buffer.from([8, 0, 0, 0, 65, 65, 65, 65, 65, 65, 65, 65]))
    await pause(2 ** 30)
  },
  'say nothing that is known': async () => {
    writeSync(CHANNEL, frame(null))
    await pause(2 ** 30)
  },
  'announce a gigabyte': async () => {
    writeSync(CHANNEL, Buffer.from([0, 0, 0, 64]))
    await pause(2 ** 30)
  },
  'rest on much memory': async (emit) => {
    kept.push(Buffer.alloc(350 * 2 ** 20, 1))
    await emit(PROCESS)
  },
}

export async function run(job: { deed: string; argument?: string }, emit: Emit, folder: string): Promise<void> {
  await DEEDS[job.deed]!(emit, folder, job.argument ?? '')
}

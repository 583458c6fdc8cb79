import { SandboxError } from './errors.ts'
import type { Ending } from './group.ts'

/** 128 and the signal: SIGKILL, SIGXCPU and SIGXFSZ of Linux and macOS. */
const KILLED = 128 + 9
const OUT_OF_CPU = 128 + 24
const FILE_TOO_BIG = 128 + 25

const NO_MEMORY = /out of memory|memory exhausted|cannot allocate memory|allocation failed|heap limit|bad_alloc/i
/** The first process of a namespace does not hear the signal, and gets this error instead. */
const TOO_BIG = /file too large/i

const SHOWN_CHARS = 500

/** Says why a command ended that nobody here killed, from what is left of it. */
export function crashOf({ status, error }: Ending, errors: string): SandboxError {
  if (error !== undefined) return new SandboxError('unavailable', 'It could not be started.', { cause: error })
  const message = `It ended with status ${status ?? 'unknown'}: ${errors.slice(-SHOWN_CHARS).trim()}`
  if (status === OUT_OF_CPU) return new SandboxError('cpu', message)
  if (status === FILE_TOO_BIG || TOO_BIG.test(errors)) return new SandboxError('output', message)
  // The kernel kills for memory, and for nothing else that gets so far.
  if (status === KILLED || NO_MEMORY.test(errors)) return new SandboxError('memory', message)
  return new SandboxError('crashed', message)
}

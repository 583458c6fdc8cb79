import { createConnection, type Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { createTurns } from '../../domain/turns.ts'
import { nestedZip } from './nested-zip.ts'
import { type Scan, ScanError, type Scanner, type Verdict } from './port.ts'

/** clamd(8), "COMMANDS": a command that begins with `z` ends with NUL, and so does its answer. */
const END = '\0'
const MAX_ANSWER_BYTES = 4096
const MAX_CHUNK_BYTES = 1024 * 1024
/** Archives in archives: more than clamd's `MaxRecursion` may be set to. */
const PASSES_LIMITS = 120

export const clamdSettings = z.strictObject({
  /** `host:port`, or `unix:` and the path of a socket. */
  address: z.string().regex(/^(unix:\/.+|.+:\d{1,5})$/, 'must be host:port or unix:/path'),
  /** Scans at once: fewer than clamd's `MaxThreads`, for others want answers too. */
  places: z.number().int().positive().default(8),
  /** What it is given at most: not more than clamd's `StreamMaxLength`, `MaxFileSize` and `MaxScanSize`. */
  limitBytes: z.number().int().positive(),
  connectTimeoutMs: z.number().int().positive().default(5000),
  /** How long it may take over an answer, or over taking bytes. */
  answerTimeoutMs: z.number().int().positive().default(120_000),
})

type Settings = z.output<typeof clamdSettings>

/** ClamAV's daemon, by its `INSTREAM` command. */
export function createClamd(settings: Settings): Scanner {
  const turns = createTurns(settings.places)
  const lifetime = new AbortController()
  const open = async (signal: AbortSignal) => {
    const free = await turns.take(AbortSignal.any([signal, lifetime.signal])).catch((cause) => {
      throw new ScanError('the scan was given up while it waited for a place', { cause })
    })
    try {
      return await openScan(settings, signal, free)
    } catch (error) {
      free()
      throw error
    }
  }
  return {
    signatures: async (signal) => {
      const answer = await command(settings, 'VERSION', signal)
      // `ClamAV 1.4.3/27673/Sat Nov 14 09:26:00 2026`; without a database of its publisher's, the program alone.
      if (!answer.startsWith('ClamAV '))
        throw new ScanError(`clamd answered ${quoted(answer)} when asked for its version`)
      return answer
    },
    check: async (signal) => {
      const scan = await open(signal)
      await scan.write(nestedZip(PASSES_LIMITS))
      const verdict = await scan.verdict()
      if (verdict.status === 'not_scanned') return
      throw new ScanError(
        'clamd calls clean what is too large for it to look into: set AlertExceedsMax yes in clamd.conf',
      )
    },
    open,
    load: () => ({ taken: turns.taken(), places: settings.places }),
    close: () => lifetime.abort(),
  }
}

/**
 * clamd(8), "INSTREAM": chunks of a length (four bytes, network order) and data, a length of zero at the end. Its answer
 * may come before that, when it has had enough, after which it reads no more.
 */
async function openScan(settings: Settings, signal: AbortSignal, free: () => void): Promise<Scan> {
  const socket = await connect(settings)
  const answer = readAnswer(socket, settings.answerTimeoutMs)
  let answered = false
  answer
    .finally(() => {
      answered = true
    })
    .catch(() => undefined)
  let sentBytes = 0
  let early: Verdict | undefined
  const end = () => {
    signal.removeEventListener('abort', end)
    socket.destroy()
    free()
  }
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  const send = async (bytes: Buffer) => {
    const size = Buffer.alloc(4)
    size.writeUInt32BE(bytes.length)
    socket.cork()
    socket.write(size)
    const room = bytes.length === 0 || socket.write(bytes)
    process.nextTick(() => socket.uncork())
    if (!room) await untilDrained(socket, answer, settings.answerTimeoutMs)
  }
  socket.write(`zINSTREAM${END}`)
  return {
    async write(bytes) {
      sentBytes += bytes.length
      // What it says of a part is no verdict on the whole.
      if (early === undefined && sentBytes > settings.limitBytes) {
        early = { status: 'not_scanned', reason: 'tooLarge' }
        end()
      }
      for (let from = 0; from < bytes.length; from += MAX_CHUNK_BYTES) {
        // Having answered, it reads no more: what is sent would only fill our memory.
        await nextTurn()
        if (early !== undefined || answered) return
        await send(bytes.subarray(from, from + MAX_CHUNK_BYTES))
      }
    },
    async verdict() {
      if (early !== undefined) return early
      const before = answered
      try {
        if (!before) await send(Buffer.alloc(0))
        const verdict = verdictOf(await answer)
        if (before && verdict.status === 'clean') throw new ScanError('clamd answered before it had every byte')
        return verdict
      } finally {
        end()
      }
    },
    cancel: end,
  }
}

/** clamd(8): `stream: OK`, `stream: NAME FOUND`, or words that end in `ERROR`. */
function verdictOf(answer: string): Verdict {
  if (answer === 'stream: OK') return { status: 'clean' }
  const finding = /^stream: (.+) FOUND$/.exec(answer)?.[1]
  if (finding?.startsWith('Heuristics.Limits.Exceeded')) return { status: 'not_scanned', reason: 'limits' }
  if (finding?.startsWith('Heuristics.Encrypted')) return { status: 'not_scanned', reason: 'encrypted' }
  if (finding !== undefined) return { status: 'infected', finding }
  if (/size limit exceeded/i.test(answer)) return { status: 'not_scanned', reason: 'tooLarge' }
  throw new ScanError(`clamd answered ${quoted(answer)}`)
}

async function command(settings: Settings, name: string, signal: AbortSignal): Promise<string> {
  const socket = await connect(settings)
  const giveUp = () => socket.destroy()
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  try {
    socket.write(`z${name}${END}`)
    // It answers such a question at once, or is not well.
    return await readAnswer(socket, settings.connectTimeoutMs)
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}

async function connect({ address, connectTimeoutMs }: Settings): Promise<Socket> {
  const path = /^unix:(.+)$/.exec(address)?.[1]
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  const socket = createConnection(path ? { path } : { host, port: Number(address.slice(at + 1)) })
  // Failures reach those who wait for an answer; one that comes when nobody does must not end the process.
  socket.on('error', () => undefined)
  const connected = Promise.withResolvers<void>()
  socket.once('connect', connected.resolve)
  socket.once('error', (error) =>
    connected.reject(new ScanError(`clamd at ${address} cannot be reached`, { cause: error })),
  )
  const timer = setTimeout(
    () => connected.reject(new ScanError(`clamd at ${address} does not answer`)),
    connectTimeoutMs,
  )
  try {
    await connected.promise
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Everything up to the NUL. The time begins anew with each byte that is sent or received. */
function readAnswer(socket: Socket, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  socket.setTimeout(timeoutMs, () => reject(new ScanError('clamd does not answer')))
  socket.on('data', (piece) => {
    text += piece.toString('utf8')
    const end = text.indexOf(END)
    if (end >= 0) resolve(text.slice(0, end).trim())
    else if (text.length > MAX_ANSWER_BYTES) {
      reject(new ScanError('clamd does not end its answer'))
      socket.destroy()
    }
  })
  socket.once('error', (error) => reject(new ScanError('the connection to clamd was lost', { cause: error })))
  socket.once('close', () => reject(new ScanError('clamd ended the connection without an answer')))
  return promise
}

/** An answer that comes early ends the waiting, too: clamd reads nothing any more. */
async function untilDrained(socket: Socket, answer: Promise<string>, timeoutMs: number): Promise<void> {
  const giveUp = new AbortController()
  const drained = new Promise<void>((resolve) => socket.once('drain', resolve))
  const late = wait(timeoutMs, undefined, { signal: giveUp.signal }).then(
    () => {
      throw new ScanError('clamd takes no more bytes')
    },
    () => undefined,
  )
  try {
    await Promise.race([drained, answer, late])
  } finally {
    giveUp.abort()
  }
}

function quoted(answer: string): string {
  return JSON.stringify(answer.slice(0, 200))
}

import type { Logger } from 'pino'
import type { Scan, Scanner, Verdict } from '../../providers/scanners/port.ts'
import type { ScanFacts, Scanning, ScanTap } from '../uploads/room.ts'

/** How long a scanner that failed is left alone by those who will not wait for it. */
const REST_MS = 10_000
/** How long an upload waits for a place, or for a scanner that is slow to take its bytes. */
const PATIENCE_MS = 2000
/** How long what a scanner knows is taken for granted. */
const KNOWN_MS = 30_000

const PENDING: ScanFacts = { status: 'pending', reason: null, finding: null, signatures: null }

export interface ScannerOptions {
  /** How long an upload waits for its verdict once every byte was sent, in milliseconds. */
  waitMs: number
}

/** A scanner, and what is known of it at the moment. */
export interface WatchedScanner extends Scanning {
  /** The name of what it knows, having made sure that it can be trusted. @throws ScanError */
  ready(signal: AbortSignal): Promise<string>
  open: Scanner['open']
  /** The name of what it knew when it last told, if it ever did. */
  knew(): string | undefined
  state(): 'up' | 'down'
  load: Scanner['load']
  close(): void
}

/** Scans what streams by, and remembers when the scanner was away, so that not every upload waits to find that out. */
export function watchScanner(scanner: Scanner, options: ScannerOptions, log: Logger): WatchedScanner {
  let known: { signatures: string; at: number } | undefined
  let told: string | undefined
  let failedAt = Number.NEGATIVE_INFINITY
  let state: 'up' | 'down' = 'up'
  const turn = (now: 'up' | 'down', error?: unknown) => {
    if (now === 'down') {
      failedAt = Date.now()
      // It may come back as another one.
      known = undefined
    }
    if (now === state) return
    state = now
    if (now === 'down') log.error({ err: error }, 'the virus scanner is away; files wait unreadable until it is back')
    else log.info('the virus scanner is back')
  }
  const ready = async (signal: AbortSignal) => {
    if (known && Date.now() - known.at < KNOWN_MS) return known.signatures
    try {
      const signatures = await scanner.signatures(signal)
      if (signatures !== known?.signatures) await scanner.check(signal)
      told = signatures
      known = { signatures, at: Date.now() }
      turn('up')
      return signatures
    } catch (error) {
      // Whoever gave up on it has learnt nothing of it.
      if (!signal.aborted) turn('down', error)
      throw error
    }
  }
  const begin = () => {
    if (Date.now() - failedAt < REST_MS) return resting
    return tapOn({ scanner, ready, failed: (error) => turn('down', error), waitMs: options.waitMs })
  }
  const { open, load, close } = scanner
  return { ready, begin, open, knew: () => told, state: () => state, load, close }
}

const resting: ScanTap = { write: async () => undefined, verdict: async () => PENDING, cancel: () => undefined }

interface Watch {
  scanner: Scanner
  ready: WatchedScanner['ready']
  failed: (error: unknown) => void
  waitMs: number
}

/** A scan that gives up rather than fail the upload, or hold it up. */
function tapOn({ scanner, ready, failed, waitMs }: Watch): ScanTap {
  const abort = new AbortController()
  let signatures = ''
  let given = false
  const giveUp = (error: unknown) => {
    if (given) return undefined
    given = true
    abort.abort()
    // One that has no free place, or takes its time over a large file, is not away.
    const { taken, places } = scanner.load()
    if (!(error instanceof Late) || (!error.isVerdict && taken < places)) failed(error)
    return undefined
  }
  const opening = (async () => {
    signatures = await ready(abort.signal)
    return scanner.open(abort.signal)
  })()
  let scan: Promise<Scan | undefined> = inTime(opening, PATIENCE_MS).catch(giveUp)
  return {
    async write(bytes) {
      const open = await scan
      if (!open || given) return
      await inTime(open.write(bytes), PATIENCE_MS).catch((error) => {
        open.cancel()
        scan = Promise.resolve(undefined)
        giveUp(error)
      })
    },
    async verdict() {
      const open = await scan
      if (!open || given) return PENDING
      try {
        return factsOf(await inTime(open.verdict(), waitMs, true), signatures)
      } catch (error) {
        open.cancel()
        giveUp(error)
        return PENDING
      }
    },
    cancel: () => abort.abort(),
  }
}

export function factsOf(verdict: Verdict, signatures: string): ScanFacts {
  return {
    status: verdict.status,
    reason: verdict.status === 'not_scanned' ? verdict.reason : null,
    finding: verdict.status === 'infected' ? verdict.finding : null,
    signatures,
  }
}

class Late extends Error {
  /** Whether it was a verdict that took long, as that on a large file does. */
  readonly isVerdict: boolean

  constructor(limitMs: number, isVerdict: boolean) {
    super(`the scanner took more than ${limitMs} ms`)
    this.isVerdict = isVerdict
  }
}

async function inTime<Result>(work: Promise<Result>, ms: number, isVerdict = false): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Late(ms, isVerdict)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type ClamdProxy,
  cutAfter,
  deaf,
  endless,
  type Fault,
  says,
  saysEarly,
  silent,
  startClamdProxy,
} from '../../../test/clamd-proxy.ts'
import { EICAR } from '../../../test/eicar.ts'
import { carriers, encryptedZip, honestText, infectedText } from '../../../test/infected-files.ts'
import { type OwnClamd, startOwnClamd } from '../../../test/own-clamd.ts'
import { addressOf } from '../../../test/real-services.ts'
import { clamdSettings, createClamd } from './clamd.ts'
import { ScanError, type Scanner, type Verdict } from './port.ts'

const MIB = 1024 * 1024
const KIB64 = 64 * 1024
const never = new AbortController().signal
const CLEAN: Verdict = { status: 'clean' }
const INFECTED = { status: 'infected', finding: expect.stringContaining('Eicar') }

type More = Partial<Parameters<typeof createClamd>[0]>

function scannerAt(address: string, more: More = {}): Scanner {
  return createClamd(clamdSettings.parse({ address, limitBytes: 16 * MIB, ...more }))
}

async function verdictOn(scanner: Scanner, ...pieces: Buffer[]): Promise<Verdict> {
  const scan = await scanner.open(never)
  try {
    for (const piece of pieces) await scan.write(piece)
    return await scan.verdict()
  } finally {
    scan.cancel()
  }
}

function inChunks(bytes: Buffer, sizeBytes: number): Buffer[] {
  const count = Math.ceil(bytes.length / sizeBytes)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * sizeBytes, (index + 1) * sizeBytes))
}

/** Text with the test string at an offset. */
function eicarAt(offset: number, sizeBytes: number): Buffer {
  const text = Buffer.alloc(sizeBytes, 'some words ')
  text.write(EICAR, offset)
  return text
}

describe.skipIf(!addressOf('clamd'))('clamd', () => {
  // Without one these tests are left out, but what stands around them is run.
  const address = addressOf('clamd') ?? 'localhost:0'
  const scanner = scannerAt(address)

  test.each(Object.entries(carriers))(
    'finds the test string in %s, and nothing in a clean one',
    async (kind, carry) => {
      const infected = carry(infectedText())
      expect(infected.includes(EICAR)).toBe(kind === 'plain text')
      expect(await verdictOn(scanner, infected)).toEqual(INFECTED)
      expect(await verdictOn(scanner, carry(honestText()))).toEqual(CLEAN)
    },
  )

  test('finds it however the bytes are cut', async () => {
    const bytes = infectedText()
    for (const sizeBytes of [1, 7, bytes.length]) {
      expect(await verdictOn(scanner, ...inChunks(bytes, sizeBytes))).toEqual(INFECTED)
    }
  })

  test.each([
    ['at the end of more than 5 MB', 5 * MIB, 5 * MIB + EICAR.length],
    ['across 64 KiB', KIB64 - 10, 2 * KIB64],
    ['across 1 MiB, which is as much as goes in one chunk', MIB - 10, 3 * MIB],
  ])('finds it %s, in pieces and in one', async (_, offset, sizeBytes) => {
    const bytes = eicarAt(offset, sizeBytes)
    expect(await verdictOn(scanner, ...inChunks(bytes, KIB64))).toEqual(INFECTED)
    expect(await verdictOn(scanner, bytes)).toEqual(INFECTED)
  })

  test('calls a file of nothing clean', async () => {
    expect(await verdictOn(scanner)).toEqual(CLEAN)
    expect(await verdictOn(scanner, Buffer.alloc(0))).toEqual(CLEAN)
  })

  test('looks at as many bytes as the limit, and at none of a file with more', async () => {
    const small = scannerAt(address, { limitBytes: MIB })
    const bytes = eicarAt(0, MIB)
    expect(await verdictOn(small, bytes)).toEqual(INFECTED)
    const tooLarge = { status: 'not_scanned', reason: 'tooLarge' }
    expect(await verdictOn(small, bytes, Buffer.from('.'))).toEqual(tooLarge)
    expect(await verdictOn(small, Buffer.alloc(MIB + 1, '.'))).toEqual(tooLarge)
    expect(small.load()).toEqual({ taken: 0, places: 8 })
  })

  test('cannot look into an archive with a password', async () => {
    expect(await verdictOn(scanner, encryptedZip(infectedText()))).toEqual({
      status: 'not_scanned',
      reason: 'encrypted',
    })
  })

  test('tells what it knows, and passes the check', async () => {
    expect(await scanner.signatures(new AbortController().signal)).toMatch(/^ClamAV \d/)
    await scanner.check(never)
    expect(scanner.load().taken).toBe(0)
  })

  test('gives a cancelled place back, also twice', async () => {
    const narrow = scannerAt(address, { places: 1 })
    const scan = await narrow.open(never)
    await scan.write(Buffer.from('half of'))
    scan.cancel()
    scan.cancel()
    expect(narrow.load().taken).toBe(0)
    expect(await verdictOn(narrow, infectedText())).toEqual(INFECTED)
    expect(narrow.load().taken).toBe(0)
  })

  test('is not waited for by who gave up, nor by anyone once it is closed', async () => {
    const narrow = scannerAt(address, { places: 1 })
    const scan = await narrow.open(never)
    const impatient = new AbortController()
    const [given, closed] = [narrow.open(impatient.signal), narrow.open(never)]
    impatient.abort()
    await expect(given).rejects.toBeInstanceOf(ScanError)
    narrow.close()
    await expect(closed).rejects.toBeInstanceOf(ScanError)
    scan.cancel()
    expect(narrow.load().taken).toBe(0)
  })

  test('gives no verdict on a scan that was given up on its way', async () => {
    const giveUp = new AbortController()
    const narrow = scannerAt(address, { places: 1 })
    const scan = await narrow.open(giveUp.signal)
    await scan.write(Buffer.from('half of'))
    giveUp.abort()
    expect(narrow.load().taken).toBe(0)
    await expect(scan.verdict()).rejects.toBeInstanceOf(ScanError)
    expect(await verdictOn(narrow, honestText())).toEqual(CLEAN)
  })

  test('is never asked more at once than there are places', async () => {
    const proxy = await startClamdProxy(address)
    const narrow = scannerAt(proxy.address, { places: 3 })
    const verdicts = await Promise.all(
      Array.from({ length: 40 }, (_, number) => verdictOn(narrow, number % 2 ? infectedText() : honestText())),
    )
    expect(verdicts).toEqual(verdicts.map((_, number) => (number % 2 ? INFECTED : CLEAN)))
    expect(proxy.seen).toMatchObject({ all: 40, most: 3 })
    expect(narrow.load().taken).toBe(0)
    await proxy.stop()
  })
})

describe.skipIf(!addressOf('clamd'))('a clamd with settings of its own', () => {
  let own: OwnClamd
  const withSettings = async (variables: Record<string, string>) => {
    own = await startOwnClamd(variables)
    return own
  }
  afterEach(() => own?.remove())

  test('is refused when it calls clean what it does not look into', async () => {
    const { address } = await withSettings({ CLAMD_ALERT_EXCEEDS: 'no' })
    const scanner = scannerAt(address)
    await expect(scanner.check(never)).rejects.toThrow(/AlertExceedsMax yes/)
    expect(scanner.load().taken).toBe(0)
  })

  test('is spoken to by its unix socket', async () => {
    const { socket } = await withSettings({})
    const scanner = scannerAt(socket)
    await scanner.check(never)
    expect(await verdictOn(scanner, infectedText())).toEqual(INFECTED)
    expect(await verdictOn(scanner, honestText())).toEqual(CLEAN)
  })

  test('says that it did not look into what passes its limit of a file', async () => {
    const { address } = await withSettings({ CLAMD_MAX_FILE: '1M' })
    expect(await verdictOn(scannerAt(address), Buffer.alloc(2 * MIB, '.'))).toEqual({
      status: 'not_scanned',
      reason: 'limits',
    })
  })

  test('that takes less than it is given never makes a file clean', async () => {
    const { address } = await withSettings({ CLAMD_STREAM_MAX: '1M' })
    const scanner = scannerAt(address)
    for (let time = 0; time < 20; time += 1) {
      const pieces = inChunks(Buffer.alloc(8 * MIB, '.'), KIB64)
      // It hangs up on what is still being sent, which may overtake its answer.
      const verdict = await verdictOn(scanner, ...pieces).catch((error) => error)
      if (!(verdict instanceof ScanError)) expect(verdict).toEqual({ status: 'not_scanned', reason: 'tooLarge' })
    }
    expect(scanner.load().taken).toBe(0)
  })
})

describe('a server that does not behave as clamd', () => {
  let proxy: ClamdProxy
  let scanner: Scanner
  beforeAll(async () => {
    proxy = await startClamdProxy()
    scanner = scannerAt(proxy.address, { limitBytes: 1024 * MIB, connectTimeoutMs: 300, answerTimeoutMs: 300 })
  })
  afterEach(() => expect(scanner.load().taken).toBe(0))
  afterAll(() => proxy?.stop())

  const small = [honestText()]
  const large = inChunks(Buffer.alloc(16 * MIB, 'some words '), KIB64)
  const becomes = (fault: Fault) => proxy.become({ scans: fault, commands: fault })

  test.each<[string, Fault]>([
    ['never answers', silent],
    ['takes nothing', deaf],
    ['hangs up at once', (client) => client.destroy()],
    ['ends the connection in the middle of a file', cutAfter(100, 'end')],
    ['breaks the connection in the middle of a file', cutAfter(100, 'reset')],
    ['answers without an end and hangs up', says('stream: OK')],
    ['answers without an end, for ever', endless()],
  ])('has said nothing when it %s', async (_, fault) => {
    await becomes(fault)
    await expect(verdictOn(scanner, ...small)).rejects.toBeInstanceOf(ScanError)
    await expect(verdictOn(scanner, ...large)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.signatures(new AbortController().signal)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.check(never)).rejects.toBeInstanceOf(ScanError)
  })

  test.each([
    '',
    'OK',
    'PONG',
    'UNKNOWN COMMAND',
    'stream: ',
    'stream: FOUND',
    'stream: OK FOUND?',
    'stream:OK',
    'STREAM: OK',
    'instream: OK',
    '1: stream: OK',
    'stream: OK\nstream: OK',
    "stream: Can't allocate memory ERROR",
    'COMMAND READ TIMED OUT',
    'HTTP/1.1 200 OK\r\n\r\n',
    '\u{fffd}\u{fffd}',
  ])('has said nothing with %j', async (answer) => {
    await becomes(says(`${answer}\0`))
    await expect(verdictOn(scanner, ...small)).rejects.toBeInstanceOf(ScanError)
    await expect(verdictOn(scanner, ...large)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.signatures(new AbortController().signal)).rejects.toBeInstanceOf(ScanError)
  })

  test('is not believed when it calls clean what it has not seen to the end', async () => {
    await becomes(saysEarly('stream: OK\0'))
    await expect(verdictOn(scanner, ...large)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.check(never)).rejects.toBeInstanceOf(ScanError)
  })

  test('is away when nobody listens', async () => {
    await proxy.become({ away: true })
    await expect(scanner.open(never)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.signatures(new AbortController().signal)).rejects.toBeInstanceOf(ScanError)
    await expect(scanner.check(never)).rejects.toBeInstanceOf(ScanError)
    const nowhere = scannerAt('unix:/nowhere/clamd.sock')
    await expect(nowhere.open(never)).rejects.toBeInstanceOf(ScanError)
    expect(nowhere.load().taken).toBe(0)
  })

  test('is given no more than the connection holds when it takes nothing', async () => {
    await becomes(deaf)
    const scan = await scanner.open(never)
    let taken = 0
    const send = async () => {
      for (; taken < 256; taken += 1) await scan.write(Buffer.alloc(MIB))
    }
    await expect(send()).rejects.toBeInstanceOf(ScanError)
    expect(taken).toBeLessThan(32)
    scan.cancel()
  })

  test('is listened to no longer than an answer may be', async () => {
    let sentBytes = 0
    await becomes(
      endless((sizeBytes) => {
        sentBytes += sizeBytes
      }),
    )
    const scan = await scanner.open(never)
    await scan.write(Buffer.from('text'))
    // What the connection holds is filled by then; what goes on after that is being read.
    await wait(500)
    const before = sentBytes
    await wait(500)
    const after = sentBytes
    await expect(scan.verdict()).rejects.toBeInstanceOf(ScanError)
    expect(after).toBe(before)
  })
})

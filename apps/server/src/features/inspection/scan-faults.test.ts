import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLEAN, look, runEverything } from '../../../test/at-rest.ts'
import { cutAfter, deaf, endless, type Manner, says, silent, slow } from '../../../test/clamd-proxy.ts'
import { startOwnClamd } from '../../../test/own-clamd.ts'
import { useOwnScanner } from '../../../test/own-scanner.ts'
import { addressOf } from '../../../test/real-services.ts'
import {
  expectJudged,
  expectPending,
  infected,
  later,
  runSteps,
  scanStepOf,
  shown,
  upload,
} from '../../../test/scanned-service.ts'
import { newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'

const MIB = 1024 * 1024
const SMALL_BYTES = 500
const LARGE_BYTES = 600_000
/** More than a connection holds that nobody reads from. */
const HUGE_BYTES = 7 * MIB

let service: TestService

/** Uploads files of each kind at once, which all must be taken, and be unreadable for want of a verdict. */
async function uploadUnjudged(largeBytes = LARGE_BYTES) {
  const bodies = [SMALL_BYTES, largeBytes].flatMap((sizeBytes) => [newText(sizeBytes), infected(sizeBytes)])
  const files = await Promise.all(
    bodies.map(async (bytes) => {
      const { id, scan } = await upload(service, bytes)
      expect(scan).toMatchObject({ status: 'pending' })
      return { id, bytes }
    }),
  )
  for (const { id } of files) await expectPending(service, id)
  return files
}

describe.skipIf(!addressOf('clamd'))('a scanner that fails', () => {
  const scanner = useOwnScanner()
  beforeEach(async () => {
    service = await startTestService({
      settings: { STOWAGE_CLAMD: scanner.proxy.address, STOWAGE_SCAN_WAIT_SECONDS: '3' },
    })
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await service?.stop()
  })

  const places = () => service.app.worker.inspection.scanner?.load()

  const faults: [string, Manner, number?][] = [
    ['is stopped', { away: true }],
    ['takes the bytes and says nothing', { scans: silent, commands: silent }],
    ['takes no bytes', { scans: deaf }, HUGE_BYTES],
    ['answers what nobody understands', { scans: says('stream: PERHAPS\0'), commands: says('PERHAPS\0') }],
    ['answers with no end', { scans: endless(), commands: endless() }],
    ['hangs up in the middle of a small file', { scans: cutAfter(100, 'end') }],
    ['is cut off in the middle of a small file', { scans: cutAfter(100, 'reset') }],
    ['ends an answer before it is whole', { scans: says('stream: OK') }],
  ]
  test.each(faults)('that %s holds up no upload and makes no file readable', async (_, manner, largeBytes) => {
    const { scan } = await upload(service, newText(SMALL_BYTES))
    expect(scan).toMatchObject({ status: 'clean' })
    const { all } = scanner.proxy.seen
    await scanner.proxy.become(manner)
    const files = await uploadUnjudged(largeBytes)
    if (!manner.away) expect(scanner.proxy.seen.all).toBeGreaterThan(all)
    await scanner.proxy.become({})
    await runSteps(service)
    await expectJudged(service, files)
    await runEverything(service)
    expect(await look(service)).toMatchObject(CLEAN)
  })

  test('in the middle of large files leaves small ones their verdict, and the others unreadable', async () => {
    await upload(service, newText(SMALL_BYTES))
    await scanner.proxy.become({ scans: cutAfter(LARGE_BYTES / 2, 'reset') })
    const large = [newText(LARGE_BYTES), infected(LARGE_BYTES)]
    const files = await Promise.all(large.map(async (bytes) => ({ id: (await upload(service, bytes)).id, bytes })))
    for (const { id } of files) await expectPending(service, id)
    await scanner.proxy.become({})
    await runSteps(service)
    await expectJudged(service, files)
  })

  test('leaves the files waiting for as long as it takes, without a failure of theirs', async () => {
    await scanner.proxy.become({ away: true })
    const files = await uploadUnjudged()
    for (let time = 0; time < 10; time += 1) await runSteps(service)
    for (const { id } of files) {
      await expectPending(service, id)
      const { attempts, ...step } = await scanStepOf(service, id)
      expect(step).toMatchObject({ state: 'waiting', failures: 0 })
      expect(attempts).toBeGreaterThanOrEqual(10)
    }
    await scanner.proxy.become({})
    await runSteps(service)
    await expectJudged(service, files)
  })

  test('is not waited for by every upload that comes while it is away', async () => {
    await scanner.proxy.become({ scans: silent, commands: silent })
    const waited = await upload(service, newText(SMALL_BYTES))
    expect(service.app.states.scanner()).toBe('down')
    const { all } = scanner.proxy.seen
    for (const sizeBytes of [SMALL_BYTES, SMALL_BYTES, SMALL_BYTES, LARGE_BYTES]) {
      const { id } = await upload(service, newText(sizeBytes))
      await expectPending(service, id)
    }
    expect(scanner.proxy.seen.all).toBe(all)
    await expectPending(service, waited.id)
    await scanner.proxy.become({})
    await runSteps(service)
    expect(await shown(service, waited.id)).toMatchObject({ scan: { status: 'clean' } })
    later()
    const { scan } = await upload(service, newText(SMALL_BYTES))
    expect(scan).toMatchObject({ status: 'clean' })
    expect(service.app.states.scanner()).toBe('up')
  })

  test('is not taken to be away when it is only slow, and its verdict is had later', async () => {
    await upload(service, newText(SMALL_BYTES))
    const over = Promise.withResolvers<void>()
    await scanner.proxy.become({ scans: slow(over.promise) })
    const files = await uploadUnjudged()
    expect(service.app.states.scanner()).toBe('up')
    expect(places()).toEqual({ taken: 0, places: 8 })
    over.resolve()
    await runSteps(service)
    await expectJudged(service, files)
  })

  test('has given back every place when its files were judged', async () => {
    await upload(service, newText(SMALL_BYTES))
    await scanner.proxy.become({ scans: cutAfter(100, 'reset') })
    await uploadUnjudged()
    await runSteps(service)
    await scanner.proxy.become({})
    await runSteps(service)
    expect(places()).toEqual({ taken: 0, places: 8 })
  })

  test('that is started again judges what came in between, and what comes then', async () => {
    await upload(service, newText(SMALL_BYTES))
    await scanner.clamd.stop()
    const files = await uploadUnjudged()
    await runSteps(service)
    for (const { id } of files) await expectPending(service, id)
    await scanner.clamd.start()
    await runSteps(service)
    await expectJudged(service, files)
    later()
    expect((await upload(service, newText(SMALL_BYTES))).scan).toMatchObject({ status: 'clean' })
    expect((await upload(service, infected(SMALL_BYTES))).scan).toMatchObject({ status: 'infected' })
  })

  test('is not believed while it calls clean what it does not look into', async () => {
    const careless = await startOwnClamd({ CLAMD_ALERT_EXCEEDS: 'no' })
    const settings = { STOWAGE_CLAMD: careless.address }
    const trusting = await startTestService({ settings })
    const { json } = await uploadText(trusting.call, newText(SMALL_BYTES))
    expect(json.scan).toMatchObject({ status: 'pending' })
    expect(trusting.errors.join()).toContain('AlertExceedsMax yes')
    await trusting.stop()
    await careless.remove()
  })
})

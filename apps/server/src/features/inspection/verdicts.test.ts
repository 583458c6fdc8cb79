import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLEAN, look, runEverything } from '../../../test/at-rest.ts'
import { breaksOffAt, type Manner } from '../../../test/clamd-proxy.ts'
import { useOwnScanner } from '../../../test/own-scanner.ts'
import { addressOf } from '../../../test/real-services.ts'
import {
  askOwner,
  content,
  expectJudged,
  expectPending,
  infected,
  later,
  runSteps,
  scanStepOf,
  shown,
  upload,
} from '../../../test/scanned-service.ts'
import { configFor, newText, openService } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { jobs } from '../../doors/worker/jobs.ts'
import { runJobs } from '../../doors/worker/run-jobs.ts'
import type { StepWork } from './pipeline.ts'
import { runStep } from './room.ts'
import { endStep } from './steps.sql.ts'

const MIB = 1024 * 1024
const SMALL_BYTES = 500
const LARGE_BYTES = 600_000
const LIMIT_BYTES = 8 * MIB
const VERSION = (number: number) => `ClamAV 1.4.6/${number}/Sat Nov 21 10:00:00 2026`

let service: TestService

describe.skipIf(!addressOf('clamd'))('a file and its verdict', () => {
  const scanner = useOwnScanner()
  beforeEach(async () => {
    service = await startTestService({
      settings: { STOWAGE_CLAMD: scanner.proxy.address, STOWAGE_CLAMD_MAX_BYTES: String(LIMIT_BYTES) },
    })
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await service?.stop()
  })

  /** The service as it is when it was started again with other settings. */
  const reopen = async (settings: Record<string, string>) => {
    const { foundation, adminKey, data, stop } = service
    const config = configFor(data, { STOWAGE_CLAMD: scanner.proxy.address, ...settings })
    const opened = await openService(foundation, adminKey, config)
    service = {
      ...service,
      ...opened,
      async stop() {
        await opened.stop()
        await stop()
      },
    }
  }

  /** A scanner that knows other things from now on. */
  const becomeNewer = async (number: number, manner: Manner = {}) => {
    await scanner.proxy.become({ ...manner, version: VERSION(number) })
    later()
  }

  test('that its scanner breaks off at is given up, until that knows other things or somebody asks', async () => {
    const breaksOff = { scans: breaksOffAt(LARGE_BYTES) }
    await scanner.proxy.become({ ...breaksOff, version: VERSION(1) })
    const { id } = await upload(service, newText(LARGE_BYTES))
    for (let time = 0; time < 3; time += 1) await runSteps(service)
    const givenUp = { state: 'dead', failures: 3 }
    expect(await scanStepOf(service, id)).toMatchObject(givenUp)
    expect(await shown(service, id)).toMatchObject({ scan: { status: 'error', reason: 'scannerFailed' } })
    const { attempts } = await scanStepOf(service, id)
    await runSteps(service)
    expect(await scanStepOf(service, id)).toMatchObject({ ...givenUp, attempts })
    await becomeNewer(2, breaksOff)
    for (let time = 0; time < 4; time += 1) await runSteps(service)
    expect(await scanStepOf(service, id)).toMatchObject({ ...givenUp, attempts: attempts + 3 })
    await becomeNewer(2)
    await service.call(`/v1/assets/${id}/steps/scan/retry`, { method: 'POST', body: {} })
    await runSteps(service)
    expect(await shown(service, id)).toMatchObject({ scan: { status: 'clean' } })
  })

  test('above the limit is readable only where the organization says so', async () => {
    const bytes = Buffer.concat([infected(SMALL_BYTES), newText(LIMIT_BYTES)])
    const { id, scan, organizationId } = await upload(service, bytes)
    expect(scan).toMatchObject({ status: 'not_scanned' })
    const refused = { code: 'asset.notReadable', scanStatus: 'not_scanned', reason: 'tooLarge' }
    expect(await content(service, id)).toMatchObject({ status: 403, json: refused })
    const accept = (readableUnscanned: string[]) =>
      service.call(`/v1/organizations/${organizationId}`, { method: 'PATCH', body: { readableUnscanned } })
    expect((await accept(['noScanner', 'encrypted', 'limits'])).status).toBe(200)
    expect((await content(service, id)).status).toBe(403)
    expect((await accept(['tooLarge'])).status).toBe(200)
    expect((await content(service, id)).bytes.equals(bytes)).toBe(true)
    expect((await accept([])).status).toBe(200)
    expect((await content(service, id)).status).toBe(403)
  })

  test('that was clean is found by signatures that came after it', async () => {
    const [small, large] = [newText(SMALL_BYTES), newText(LARGE_BYTES)]
    const secret = 'words that nobody minded until today'
    const files = await Promise.all(
      [small, large].map((bytes) => upload(service, Buffer.concat([bytes, Buffer.from(secret)]))),
    )
    const other = await upload(service, newText(SMALL_BYTES))
    for (const { id, scan } of [...files, other]) {
      expect(scan).toMatchObject({ status: 'clean' })
      expect((await content(service, id)).status).toBe(200)
    }
    await scanner.clamd.learn('Found-Later', secret)
    await runJobs(service.app.worker)
    for (const { id } of files) expect((await content(service, id)).status).toBe(200)
    await becomeNewer(27674)
    await runEverything(service)
    for (const { id } of files) {
      expect(await shown(service, id)).toMatchObject({ state: 'quarantined', scan: { status: 'infected' } })
      expect(await content(service, id)).toMatchObject({ status: 403, json: { code: 'asset.quarantined' } })
    }
    expect(await shown(service, other.id)).toMatchObject({ state: 'active', scan: { status: 'clean' } })
    expect((await content(service, other.id)).status).toBe(200)
    const { items } = (await service.call('/v1/quarantine?state=held')).json
    expect(items).toHaveLength(2)
    for (const entry of items) {
      expect(entry).toMatchObject({ signatures: expect.stringContaining('/27674/') })
      expect(entry.finding).toMatch(/^Found-Later/)
    }
    expect(await look(service)).toMatchObject(CLEAN)
  })

  /** Everything that new signatures ask for, once. */
  const rescanOnce = async () => {
    const asked = await jobs.rescan(service.app.worker)
    while ((await jobs.steps(service.app.worker)) > 0);
    return asked
  }

  test('is scanned again once when the signatures change', async () => {
    await upload(service, newText(SMALL_BYTES))
    expect(await rescanOnce()).toBe(0)
    await becomeNewer(27675)
    expect(await rescanOnce()).toBe(1)
    expect(await rescanOnce()).toBe(0)
  })

  test('is not asked for again and again once it is known to be infected', async () => {
    await upload(service, infected(SMALL_BYTES))
    await runEverything(service)
    await becomeNewer(27676)
    await rescanOnce()
    expect(await rescanOnce()).toBe(0)
  })

  test('is not kept from being scanned again by those that are known to be infected', async () => {
    await reopen({ STOWAGE_RESCANS_PER_MINUTE: '1' })
    await upload(service, infected(SMALL_BYTES))
    const { id, scan } = await upload(service, newText(SMALL_BYTES))
    expect(scan).toMatchObject({ status: 'clean' })
    await runEverything(service)
    await becomeNewer(27677)
    for (let minute = 0; minute < 5; minute += 1) await rescanOnce()
    expect((await scanStepOf(service, id)).state).toBe('done')
  })

  test('is not asked for again and again once it is more than the scanner is given today', async () => {
    const { id, scan } = await upload(service, newText(LARGE_BYTES))
    expect(scan).toMatchObject({ status: 'clean' })
    await reopen({ STOWAGE_CLAMD_MAX_BYTES: '1000' })
    await becomeNewer(27678)
    await rescanOnce()
    expect((await scanStepOf(service, id)).state).toBe('done')
    expect(await rescanOnce()).toBe(0)
  })

  test('is recorded once, although two workers come to its step at the same time', async () => {
    await scanner.proxy.become({ away: true })
    const { id } = await upload(service, infected(SMALL_BYTES))
    await scanner.proxy.become({})
    const step = await scanStepOf(service, id)
    const { inspection } = service.app.worker
    const done = await Promise.all([runStep(inspection, step), runStep(inspection, step)])
    expect(done.sort()).toEqual([false, true])
    expect(await scanStepOf(service, id)).toMatchObject({ state: 'done', attempts: 1 })
    await runEverything(service)
    expect((await service.call('/v1/quarantine')).json.items).toHaveLength(1)
    expect(await runStep(inspection, step)).toBe(false)
  })

  test('is had from another worker when the first one was killed on its way', async () => {
    await scanner.proxy.become({ away: true })
    const bytes = newText(SMALL_BYTES)
    const { id } = await upload(service, bytes)
    await scanner.proxy.become({})
    const step = await scanStepOf(service, id)
    const claimed = `update stowage.step set state = 'running', attempts = attempts + 1, due_at = now() + $2::interval
      where asset_id = $1 and name = 'scan' returning attempts, failures, priority`
    const [claim] = await askOwner<{ attempts: number; failures: number; priority: number }>(service, claimed, [
      step.asset_id,
      '1 minute',
    ])
    await runJobs(service.app.worker)
    await expectPending(service, id)
    await askOwner(service, `update stowage.step set due_at = now() - interval '1 second' where state = 'running'`)
    await runJobs(service.app.worker)
    await expectJudged(service, [{ id, bytes }])
    const late = { ...step, ...(claim as NonNullable<typeof claim>) }
    const end = { state: 'done', reason: 'late', durationMs: 1 } as const
    const { inTenant } = service.app.platform
    expect(await inTenant(step.tenant_id, (db) => endStep(db, late, end))).toBe(false)
    expect(await scanStepOf(service, id)).toMatchObject({ state: 'done', attempts: 2, reason: 'clean' })
  })

  test('is not that of a worker whose step another one has taken over', async () => {
    await scanner.proxy.become({ away: true })
    const bytes = infected(SMALL_BYTES)
    const { id } = await upload(service, bytes)
    await scanner.proxy.become({})
    const step = await scanStepOf(service, id)
    const { inspection } = service.app.worker
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const apply = vi.fn(async () => undefined)
    const scan: StepWork = async (_claim, _signal, end) => {
      begun.resolve()
      await goOn.promise
      return end({ state: 'done', reason: 'clean', apply })
    }
    const late = runStep({ ...inspection, steps: { scan } }, step)
    await begun.promise
    await askOwner(service, `update stowage.step set due_at = now() - interval '1 second' where state = 'running'`)
    expect(await runStep(inspection, step)).toBe(true)
    goOn.resolve()
    expect(await late).toBe(false)
    expect(apply).not.toHaveBeenCalled()
    await runEverything(service)
    await expectJudged(service, [{ id, bytes }])
    expect((await scanStepOf(service, id)).reason).toContain('Eicar')
  })
})

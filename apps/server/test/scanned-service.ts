import { expect, vi } from 'vitest'
import { toUuid } from '../src/domain/id.ts'
import { runJobs } from '../src/doors/worker/run-jobs.ts'
import type { StepId } from '../src/features/inspection/room.ts'
import { withClient } from '../src/platform/database/client.ts'
import { EICAR } from './eicar.ts'
import { newText, uploadText } from './service.ts'
import type { TestService } from './test-service.ts'

/** What tests of scanning ask of a service, and hold it to. */

type Tested = Pick<TestService, 'app' | 'call' | 'foundation'>

export interface SentFile {
  id: string
  bytes: Buffer
}

/** More than a scanner's knowledge is taken for granted, and than one that failed is left alone. */
const LATER_MS = 31_000

/** The service's clock goes on. Until `vi.restoreAllMocks`. */
export function later(): void {
  const ahead = Date.now() + LATER_MS - performance.now()
  vi.spyOn(Date, 'now').mockImplementation(() => ahead + performance.now())
}

/** Text of no other call, with the test string behind it. */
export function infected(sizeBytes: number): Buffer {
  return Buffer.concat([newText(sizeBytes), Buffer.from(`\n${EICAR}\n`)])
}

/** A new asset, as it was answered. */
export async function upload({ call }: Tested, bytes: Buffer) {
  const { status, json } = await uploadText(call, bytes)
  expect(status).toBe(201)
  return json
}

export const shown = async ({ call }: Tested, id: string) => (await call(`/v1/assets/${id}`)).json
export const content = ({ call }: Tested, id: string) => call(`/v1/assets/${id}/content`)

export async function expectPending(service: Tested, id: string): Promise<void> {
  expect(await shown(service, id)).toMatchObject({ state: 'active', scan: { status: 'pending' } })
  expect(await content(service, id)).toMatchObject({
    status: 403,
    json: { code: 'asset.notReadable', scanStatus: 'pending' },
  })
}

/** Holds the files that carry the test string to be in quarantine, and the others to be as they were sent. */
export async function expectJudged(service: Tested, files: readonly SentFile[]): Promise<void> {
  for (const { id, bytes } of files) {
    if (bytes.includes(EICAR)) {
      expect(await shown(service, id)).toMatchObject({ state: 'quarantined', scan: { status: 'infected' } })
      expect(await content(service, id)).toMatchObject({ status: 403, json: { code: 'asset.quarantined' } })
    } else {
      expect(await shown(service, id)).toMatchObject({ state: 'active', scan: { status: 'clean' } })
      expect((await content(service, id)).bytes.equals(bytes)).toBe(true)
    }
  }
}

export async function askOwner<Row extends object>(
  { foundation }: Tested,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return withClient(foundation.owner, async (owner) => (await owner.query<Row>(text, values)).rows)
}

/** Runs the jobs as if every step's wait were over. */
export async function runSteps(service: Tested): Promise<void> {
  await askOwner(service, `update stowage.step set due_at = now() where state = 'waiting'`)
  await runJobs(service.app.worker)
}

export interface ScanStep extends StepId {
  state: string
  reason: string | null
  attempts: number
  failures: number
}

/** The scan of an asset's version. @throws Error when none was asked for */
export async function scanStepOf(service: Tested, id: string): Promise<ScanStep> {
  const text = `select tenant_id, asset_id, n, name, state, attempts, failures, reason from stowage.step
    where asset_id = $1 and name = 'scan'`
  const [step] = await askOwner<ScanStep>(service, text, [toUuid(id)])
  if (!step) throw new Error(`no scan was asked for: ${id}`)
  return step
}

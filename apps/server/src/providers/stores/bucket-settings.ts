import { setTimeout as sleep } from 'node:timers/promises'
import type { Finding, Step, StepOutcome } from './admin.ts'
import { StoreError } from './port.ts'

/** A setting as a provider knows it: how it is read, judged and written. */
export interface BucketSetting {
  title: string
  why: string
  /** The exact request, for people to read. */
  setting: string
  /** @throws StoreError `unsupported` where the server does not have the setting */
  read(): Promise<Reading>
  /** @throws StoreError `unsupported` where the server does not take it */
  write(): Promise<void>
}

/** `cannot`: the server does not have the setting, or it cannot be written; `mend` where that is wrong all the same. */
export type Reading =
  | { state: 'right' }
  | { state: 'wrong'; reason: string }
  | { state: 'cannot'; reason: string; mend?: string }

export const RIGHT: Reading = { state: 'right' }
export const wrong = (reason: string): Reading => ({ state: 'wrong', reason })
export const cannot = (reason: string, mend?: string): Reading => ({ state: 'cannot', reason, ...(mend && { mend }) })

/** A server may take a moment until it shows what it was told. */
const PATIENCE_MS = [0, 200, 500, 1500]

/** @param existence the setting without which no other one can be read: that the bucket is there */
export async function planOf(existence: BucketSetting, others: readonly BucketSetting[]): Promise<Step[]> {
  const first = await stepOf(existence)
  if (first.state === 'todo') return [first, ...others.map((row) => stepFrom(row, wrong('the bucket is new')))]
  const steps: Step[] = [first]
  for (const row of others) steps.push(await stepOf(row))
  return steps
}

async function stepOf(row: BucketSetting): Promise<Step> {
  return stepFrom(row, await readingOf(row))
}

function stepFrom(row: BucketSetting, reading: Reading | { state: 'unknown'; reason: string }): Step {
  const { title, why, setting } = row
  const state = ({ right: 'done', wrong: 'todo', cannot: 'cannot', unknown: 'unknown' } as const)[reading.state]
  return { title, why, setting, state, ...('reason' in reading && { reason: reading.reason }), apply: () => apply(row) }
}

/** What is written is read again: a server that takes a setting and forgets it has not kept it. */
async function apply(row: BucketSetting): Promise<StepOutcome> {
  const before = await readingOf(row)
  if (before.state === 'right') return { state: 'done', changed: false }
  if (before.state === 'cannot') return { state: 'cannot', reason: before.reason }
  try {
    await row.write()
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'unsupported') return { state: 'cannot', reason: error.message }
    throw error
  }
  for (const wait of PATIENCE_MS) {
    await sleep(wait)
    const after = await row.read()
    if (after.state === 'right') return { state: 'done', changed: true }
    if (after.state === 'cannot') return { state: 'cannot', reason: after.reason }
  }
  return { state: 'cannot', reason: 'the server took the setting and does not show it afterwards' }
}

async function readingOf(row: BucketSetting): Promise<Reading | { state: 'unknown'; reason: string }> {
  try {
    return await row.read()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (error.kind === 'unsupported')
      return { state: 'cannot', reason: `the server does not know it: ${error.message}` }
    if (error.kind === 'denied') return { state: 'unknown', reason: `it may not be read: ${error.message}` }
    throw error
  }
}

export async function findingsOf(existence: BucketSetting, others: readonly BucketSetting[]): Promise<Finding[]> {
  const first = await findingOf(existence)
  if (first.verdict === 'wrong') return [first]
  const findings = [first]
  for (const row of others) findings.push(await findingOf(row))
  return findings
}

async function findingOf(row: BucketSetting): Promise<Finding> {
  const { title } = row
  const reading = await readingOf(row)
  if (reading.state === 'right') return { title, verdict: 'ok' }
  const { reason } = reading
  if (reading.state === 'wrong') return { title, verdict: 'wrong', reason, mend: row.setting }
  if ('mend' in reading && reading.mend) return { title, verdict: 'wrong', reason, mend: reading.mend }
  return { title, verdict: 'unknown', reason }
}

import type { Logger } from 'pino'
import type { Db } from '../../platform/database/connect.ts'
import type { Platform } from '../../platform/invoke.ts'
import type { Uploads } from '../uploads/room.ts'
import type { StepWork } from './pipeline.ts'
import type { WatchedScanner } from './scanning.ts'
import { askStep, BATCH, type Claim, type VersionId } from './steps.sql.ts'

/** What the pipeline works with. */
export interface Inspection {
  platform: Platform
  uploads: Uploads
  /** Undefined where none is set up. */
  scanner: WatchedScanner | undefined
  /** The pipeline: what there is to do, by name. */
  steps: Readonly<Record<string, StepWork>>
  /** What is recorded of a version, beside the step itself, when a step of it is given up. */
  onDead: Readonly<Record<string, (db: Db, claim: Claim) => Promise<void>>>
  log: Logger
}

/** Has a version looked at again, after everything that somebody waits for. */
export async function askRescan({ platform }: Inspection, version: VersionId): Promise<boolean> {
  await platform.inTenant(version.tenant_id, (db) => askStep(db, { ...version, name: 'scan' }, BATCH))
  return true
}

export { classifyStep } from './classify-step.ts'
export { convert } from './conversion.ts'
export { extractStep } from './extract-step.ts'
export { type Desk, type ExtractJob, MAX_SOURCE_BYTES, stoppedBy } from './extraction.ts'
export { fetchSource } from './fetching.ts'
export { NotNow, type Outcome, runStep, type StepWork } from './pipeline.ts'
export { quarantineHandlers } from './quarantine.ts'
export { quarantineStep } from './quarantine-step.ts'
export { scanGivenUp, scanStep } from './scan-step.ts'
export { type WatchedScanner, watchScanner } from './scanning.ts'
export {
  askStep,
  askSteps,
  type Claim,
  countSteps,
  findInspected,
  INTERACTIVE,
  type Inspected,
  isOf,
  type StepId,
  type VersionId,
} from './steps.sql.ts'
export { stepHandlers } from './steps.ts'
export { thenTranscribe, transcribeStep } from './transcribe-step.ts'
export { understoodHandlers } from './understood.ts'

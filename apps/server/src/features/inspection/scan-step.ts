import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import { ScanError, type Verdict } from '../../providers/scanners/port.ts'
import { NO_SCANNER, openCopy, type ScanFacts, type Uploads } from '../uploads/room.ts'
import { NotNow, type Outcome, type StepWork } from './pipeline.ts'
import { factsOf, type WatchedScanner } from './scanning.ts'
import { askStep, type Claim, findInspected, type Inspected } from './steps.sql.ts'

/** Nothing is harmed by looking twice: a verdict of the present signatures is taken as it is, for every version of the bytes. */
export function scanStep(uploads: Uploads, scanner: WatchedScanner | undefined): StepWork {
  return async (claim, signal, end) => {
    const found = await uploads.platform.inTenant(claim.tenant_id, (db) => findInspected(db, claim))
    if (!found) return end({ state: 'skipped', reason: 'the version is no more' })
    if (!scanner) return end(judged(claim, found, NO_SCANNER))
    const signatures = await scanner.ready(signal).catch(passing)
    // What was found harmful stays so until somebody says otherwise.
    const known = found.signatures === signatures && found.scan !== 'pending' && found.scan !== 'error'
    if (known || found.scan === 'infected') return end(settled(claim, found, signatures))
    const verdict = await scan(uploads, scanner, claim, found, signal)
    return end(judged(claim, found, factsOf(verdict, signatures)))
  }
}

/** The scanner that is away comes back; the file is as it was. */
function passing(error: unknown): never {
  throw new NotNow((error as Error).message, { cause: error })
}

async function scan(
  uploads: Uploads,
  scanner: WatchedScanner,
  claim: Claim,
  found: Inspected,
  signal: AbortSignal,
): Promise<Verdict> {
  if (!found.copy) throw new NotNow('no copy of the bytes can be read')
  const open = await scanner.open(signal).catch(passing)
  try {
    for await (const piece of await openCopy(uploads, claim.tenant_id, found.copy, { signal }))
      await open.write(piece as Buffer)
    return await open.verdict()
  } catch (error) {
    // Answering a moment before and not now, it may be this file that it breaks off at.
    if (error instanceof ScanError) await scanner.ready(signal).catch(passing)
    throw error
  } finally {
    open.cancel()
  }
}

function judged(claim: Claim, found: Inspected, facts: ScanFacts): Outcome {
  const { status, reason, finding, signatures } = facts
  return {
    state: 'done',
    reason: finding ?? reason ?? status,
    apply: async (db) => {
      await sql`select api.judge(${found.sha256}, ${status}, ${reason}, ${finding}, ${signatures})`.execute(db)
      await settle(db, claim)
    },
  }
}

function settled(claim: Claim, { sha256, scan }: Inspected, signatures: string): Outcome {
  return {
    state: 'done',
    reason: scan,
    apply: async (db) => {
      // Or it would be asked for again with every look for what the present signatures have not seen.
      await sql`update object set signatures = ${signatures} where tenant_id = ${claim.tenant_id} and sha256 = ${sha256}`.execute(
        db,
      )
      await settle(db, claim)
    },
  }
}

/** Whether harmful or not, what the verdict means for the assets is the next step's to do. */
async function settle(db: Db, claim: Claim): Promise<void> {
  await askStep(db, { ...claim, name: 'quarantine' }, claim.priority)
}

/** No verdict was to be had for bytes that a scanner which works for others broke off at, again and again. */
export async function scanGivenUp(db: Db, claim: Claim): Promise<void> {
  const found = await findInspected(db, claim)
  if (!found) return
  await sql`update object set scan = 'error', scan_reason = 'scannerFailed'
    where tenant_id = ${claim.tenant_id} and sha256 = ${found.sha256} and scan in ('pending', 'error')`.execute(db)
  await sql`update asset set scan = 'error', scan_reason = 'scannerFailed'
    where tenant_id = ${claim.tenant_id} and sha256 = ${found.sha256} and scan in ('pending', 'error')`.execute(db)
}

import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import { ScanError, type Verdict } from '../../providers/scanners/port.ts'
import { NO_SCANNER, openCopy, type ScanFacts, type Uploads } from '../uploads/room.ts'
import { NotNow, type Outcome, type StepWork } from './pipeline.ts'
import { factsOf, type WatchedScanner } from './scanning.ts'
import { askStep, type Claim, type Content, findAttached, findInspected } from './steps.sql.ts'

/**
 * Has the bytes of a version scanned, or else of a file that was attached to it. Nothing is harmed by looking twice: a
 * verdict of the present signatures is taken as it is, for every version of the bytes.
 */
export function scanStep(uploads: Uploads, scanner: WatchedScanner | undefined): StepWork {
  return async (claim, signal, end) => {
    const contents = await uploads.platform.inTenant(claim.tenant_id, (db) => findContents(db, claim))
    const [own] = contents
    if (!own) return end({ state: 'skipped', reason: 'the version is no more' })
    if (!scanner) return end(judged(claim, own, NO_SCANNER))
    const signatures = await scanner.ready(signal).catch(passing)
    const due = firstDue(contents, signatures)
    if (!due) return end(settled(claim, contents, signatures))
    const verdict = await scan(uploads, scanner, claim, due, signal)
    return end(judged(claim, due, factsOf(verdict, signatures)))
  }
}

/** The version itself first, as everybody waits for it. */
async function findContents(db: Db, claim: Claim): Promise<Content[]> {
  const own = await findInspected(db, claim)
  return own ? [own, ...(await findAttached(db, claim))] : []
}

/** What was found harmful stays so until somebody says otherwise. */
function firstDue(contents: readonly Content[], present: string): Content | undefined {
  return contents.find(
    ({ scan: known, signatures }) =>
      known === 'pending' || known === 'error' || (known !== 'infected' && signatures !== present),
  )
}

/** The scanner that is away comes back; the file is as it was. */
function passing(error: unknown): never {
  throw new NotNow((error as Error).message, { cause: error })
}

async function scan(
  uploads: Uploads,
  scanner: WatchedScanner,
  claim: Claim,
  content: Content,
  signal: AbortSignal,
): Promise<Verdict> {
  if (!content.copy) throw new NotNow('no copy of the bytes can be read')
  const open = await scanner.open(signal).catch(passing)
  try {
    for await (const piece of await openCopy(uploads, claim.tenant_id, content.copy, { signal }))
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

function judged(claim: Claim, { sha256 }: Content, facts: ScanFacts): Outcome {
  const { status, reason, finding, signatures } = facts
  return {
    state: 'done',
    reason: finding ?? reason ?? status,
    apply: async (db) => {
      await sql`select api.judge(${sha256}, ${status}, ${reason}, ${finding}, ${signatures})`.execute(db)
      await settle(db, claim)
    },
  }
}

function settled(claim: Claim, contents: readonly Content[], signatures: string): Outcome {
  return {
    state: 'done',
    reason: contents[0]?.scan ?? null,
    apply: async (db) => {
      for (const { sha256 } of contents) await keepSignatures(db, claim, sha256, signatures)
      await settle(db, claim)
    },
  }
}

/** Or it would be asked for again with every look for what the present signatures have not seen. */
async function keepSignatures(db: Db, { tenant_id }: Claim, sha256: Buffer, signatures: string): Promise<void> {
  await sql`update object set signatures = ${signatures} where tenant_id = ${tenant_id} and sha256 = ${sha256}`.execute(
    db,
  )
}

/** Whether harmful or not, what the verdict means for the assets is the next step's to do. */
async function settle(db: Db, claim: Claim): Promise<void> {
  await askStep(db, { ...claim, name: 'quarantine' }, claim.priority)
}

/**
 * No verdict was to be had for bytes that a scanner which works for others broke off at, again and again. They are left
 * alone until it knows other things, or somebody asks.
 */
export function scanGivenUp(scanner: WatchedScanner | undefined) {
  return async (db: Db, claim: Claim): Promise<void> => {
    const signatures = scanner?.knew() ?? ''
    const due = firstDue(await findContents(db, claim), signatures)
    if (!due) return
    const { sha256 } = due
    await keepSignatures(db, claim, sha256, signatures)
    await sql`update object set scan = 'error', scan_reason = 'scannerFailed'
      where tenant_id = ${claim.tenant_id} and sha256 = ${sha256} and scan in ('pending', 'error')`.execute(db)
    await sql`update asset set scan = 'error', scan_reason = 'scannerFailed'
      where tenant_id = ${claim.tenant_id} and sha256 = ${sha256} and scan in ('pending', 'error')`.execute(db)
  }
}

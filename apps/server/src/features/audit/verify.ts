import type { Output } from '@stowage/contract'
import { toId } from '../../domain/id.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import * as rows from './audit.sql.ts'
import { GENESIS, headOf, isSigned, rootOf, strayColumn } from './chain.rules.ts'

type Verification = Output<'auditEvents.verify'>
type Fault = Verification['faults'][number]

const BATCHES_AT_ONCE = 100
const MAX_FAULTS = 100

/** Heads that were kept outside the database when their batches were sealed. */
export type KeptHeads = { n: number; head: string }[]

/**
 * Checks an organization's whole chain: each event's columns against its text, each batch's hash against its events,
 * its signature, and each link against the one before. The first link is the genesis or a signed checkpoint.
 *
 * By the heads that were `kept`, and by them alone, it shows when batches were cut off at the end or the chain was signed
 * anew. Those of batches that were trimmed have nothing to be compared with.
 */
export async function verifyChain(
  db: Db,
  tenantId: string,
  signing: SecretKeys,
  kept: KeptHeads = [],
): Promise<Verification> {
  const faults: Fault[] = []
  const unseen = Map.groupBy(kept, ({ n }) => n)
  let first: number | undefined
  let previous: Buffer | undefined
  let lastN = 0
  let batches = 0
  let events = 0
  for (let page = await rows.findBatches(db, tenantId, 0, BATCHES_AT_ONCE); page.length > 0; ) {
    for (const batch of page) {
      if (batch.n !== lastN + 1 && batch.kind !== 'checkpoint')
        faults.push(faultOf(batch.n, `batch ${lastN + 1} is missing`))
      const expected = batch.kind === 'checkpoint' ? batch.previous : (previous ?? GENESIS)
      if (!expected.equals(batch.previous)) faults.push(faultOf(batch.n, 'does not follow the batch before it'))
      const checked = await checkBatch(db, tenantId, batch, signing)
      faults.push(...checked.faults)
      events += checked.events
      // A checkpoint stands for the batches that were trimmed: what follows it follows the last of them.
      previous = batch.kind === 'checkpoint' ? batch.previous : batch.head
      const head = previous.toString('hex')
      if (unseen.get(batch.n)?.some((each) => each.head !== head))
        faults.push(faultOf(batch.n, 'its head is not the one that was kept'))
      unseen.delete(batch.n)
      first ??= batch.n
      lastN = batch.n
      batches += 1
    }
    page = await rows.findBatches(db, tenantId, lastN, BATCHES_AT_ONCE)
  }
  for (const n of unseen.keys()) if (n > (first ?? 0)) faults.push(faultOf(n, 'was sealed and is gone'))
  for (const lost of await rows.findLostBatches(db, tenantId))
    faults.push(faultOf(lost, 'the batch of some events is missing'))
  return {
    intact: faults.length === 0,
    batches,
    events,
    unsealed: await rows.countUnsealed(db, tenantId),
    head: previous?.toString('hex') ?? null,
    faults: faults.slice(0, MAX_FAULTS),
  }
}

type BatchRow = Awaited<ReturnType<typeof rows.findBatches>>[number]

async function checkBatch(
  db: Db,
  tenantId: string,
  batch: BatchRow,
  signing: SecretKeys,
): Promise<{ faults: Fault[]; events: number }> {
  const faults: Fault[] = []
  const link = {
    tenantId,
    n: batch.n,
    kind: batch.kind as 'batch',
    previous: batch.previous,
    root: batch.root,
    count: batch.count,
    sealedAt: batch.sealed_at,
  }
  const head = headOf(link)
  if (!head.equals(batch.head)) faults.push(faultOf(batch.n, 'its head is not the hash of what it says'))
  const publicKey = signing.publicKeys.get(batch.key_id)
  if (!publicKey || !isSigned(head, batch.signature, publicKey))
    faults.push(faultOf(batch.n, 'its signature does not hold'))
  if (batch.kind === 'checkpoint') return { faults, events: 0 }
  const events = await rows.findBatchEvents(db, tenantId, batch.n)
  if (events.length !== batch.count)
    faults.push(faultOf(batch.n, `has ${events.length} events, sealed were ${batch.count}`))
  if (!rootOf(events.map((event) => event.body)).equals(batch.root))
    faults.push(faultOf(batch.n, 'its events are not those that were sealed'))
  for (const event of events) {
    const stray = strayColumn(event, event.body)
    if (stray)
      faults.push({
        batch: batch.n,
        eventId: toId('auditEvent', event.id),
        fault: `${stray} differs from the event's text`,
      })
  }
  return { faults, events: events.length }
}

function faultOf(batch: number, fault: string): Fault {
  return { batch, eventId: null, fault }
}

import { randomBytes } from 'node:crypto'
import { hashOf, type KnownAsset, type Ledger, type Target } from './ledger.ts'
import { beginUnfinished, goOn, Refused, ROADS, type Unfinished } from './unfinished.ts'

const MIB = 1024 * 1024
/** The smallest part that S3 takes: a body through the service that is larger goes in parts. */
export const PART_BYTES = 5 * MIB

export interface UploadsLedger extends Ledger {
  unfinished: Unfinished[]
  /** How many ended well after a kill had cut them off. */
  resumed: number
  /** What may never be. */
  broken: string[]
  /** Acknowledged uploads by the road that they came. */
  byRoad: Record<string, number>
}

export function withUploads(ledger: Ledger): UploadsLedger {
  return { ...ledger, unfinished: [], resumed: 0, broken: [], byRoad: {} }
}

/**
 * Uploads on every road, with so many callers at once, until the server is gone; what an earlier kill cut off is gone
 * on with first.
 *
 * @returns the assets that were made
 */
export async function uploadUntilGone(target: Target, ledger: UploadsLedger, callers: number): Promise<KnownAsset[]> {
  const cutOff = ledger.unfinished.splice(0)
  const made = await Promise.all(Array.from({ length: callers }, () => callUntilGone(target, ledger, cutOff)))
  ledger.unfinished.push(...cutOff)
  return made.flat()
}

async function callUntilGone(target: Target, ledger: UploadsLedger, cutOff: Unfinished[]): Promise<KnownAsset[]> {
  const mine: KnownAsset[] = []
  for (;;) {
    try {
      const upload = cutOff.pop()
      if (upload) await finish(target, ledger, upload, mine, true)
      else await beginAnother(target, ledger, mine)
    } catch (error) {
      if (error instanceof Refused) {
        ledger.refused[error.status] = (ledger.refused[error.status] ?? 0) + 1
        continue
      }
      ledger.cut += 1
      return mine
    }
  }
}

async function beginAnother(target: Target, ledger: UploadsLedger, mine: KnownAsset[]): Promise<void> {
  const choice = Math.floor(Math.random() * (ROADS.length + 2))
  const road = ROADS[choice]
  if (road === undefined)
    return choice === ROADS.length ? sendWhole(target, ledger, mine) : purgeOne(target, ledger, mine)
  const bytes = newContent(road === 'multipart' ? 9 * MIB : MIB, road === 'multipart' ? 17 * MIB : 6 * MIB)
  await finish(target, ledger, await beginUnfinished(target, road, bytes), mine, false)
}

async function finish(
  target: Target,
  ledger: UploadsLedger,
  upload: Unfinished,
  mine: KnownAsset[],
  wasCutOff: boolean,
): Promise<void> {
  let ended = false
  try {
    const outcome = await goOn(target, upload)
    if (outcome === 'waiting') return
    ended = true
    if ('broken' in outcome) return void ledger.broken.push(outcome.broken)
    if (wasCutOff) ledger.resumed += 1
    acknowledge(ledger, mine, outcome.done, upload.sha256, upload.road)
  } finally {
    if (!ended) ledger.unfinished.push(upload)
  }
}

/** Through the service, in parts: what is cut off is sent no more. */
async function sendWhole(target: Target, ledger: UploadsLedger, mine: KnownAsset[]): Promise<void> {
  const content = newContent(PART_BYTES + 1, 3 * PART_BYTES)
  const answer = await fetch(`${target.url}/v1/assets?name=a.txt`, {
    method: 'POST',
    headers: { ...target.headers, 'content-type': 'text/plain' },
    body: content,
  })
  // Its status is the promise: from here on the upload counts, even if the rest of the answer is lost.
  if (answer.status !== 201) throw new Refused(answer.status, await answer.text())
  acknowledge(ledger, mine, answer.headers.get('location')?.split('/').at(-1) as string, hashOf(content), 'stream')
  await answer.arrayBuffer()
}

async function purgeOne(target: Target, ledger: UploadsLedger, mine: KnownAsset[]): Promise<void> {
  const asset = mine.find(({ state }) => state === 'kept')
  if (!asset) return
  asset.state = 'inDoubt'
  const address = `${target.url}/v1/assets/${asset.id}?purge=true`
  const answer = await fetch(address, { method: 'DELETE', headers: target.headers })
  if (!answer.ok) throw new Refused(answer.status, await answer.text())
  asset.state = 'purged'
  ledger.purged += 1
  await answer.arrayBuffer()
}

function acknowledge(ledger: UploadsLedger, mine: KnownAsset[], id: string, sha256: string, road: string): void {
  const asset: KnownAsset = { id, versions: new Map([[1, sha256]]), state: 'kept' }
  ledger.assets.set(id, asset)
  mine.push(asset)
  ledger.acknowledged += 1
  ledger.byRoad[road] = (ledger.byRoad[road] ?? 0) + 1
}

function newContent(leastBytes: number, mostBytes: number): Buffer<ArrayBuffer> {
  const sizeBytes = Math.round(leastBytes + (mostBytes - leastBytes) * Math.random())
  return Buffer.from(
    randomBytes(Math.ceil(sizeBytes * 0.75) + 3)
      .toString('base64')
      .slice(0, sizeBytes),
  )
}

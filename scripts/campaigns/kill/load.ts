import { randomBytes } from 'node:crypto'
import { hashOf, type KnownAsset, type Ledger, type Target } from './ledger.ts'

const LEAST_BYTES = 1024
const MOST_BYTES = 600 * 1024
const SHARED_CONTENTS = 8

/** Some contents are sent again and again, so that deduplication and the release of shared copies take part. */
const shared = Array.from({ length: SHARED_CONTENTS }, () => newContent())

/**
 * Uploads, adds versions and purges, with so many callers at once, until the server is gone. Each caller works on
 * assets of its own, so that what must be there is known.
 *
 * @returns the assets that were touched
 */
export async function loadUntilGone(target: Target, ledger: Ledger, callers: number): Promise<KnownAsset[]> {
  const touched = await Promise.all(Array.from({ length: callers }, () => callUntilGone(target, ledger)))
  return touched.flat()
}

async function callUntilGone(target: Target, ledger: Ledger): Promise<KnownAsset[]> {
  const mine: KnownAsset[] = []
  for (;;) {
    try {
      await takeStep(target, ledger, mine)
    } catch {
      ledger.cut += 1
      return mine
    }
  }
}

async function takeStep(target: Target, ledger: Ledger, mine: KnownAsset[]): Promise<void> {
  const kept = mine.filter((asset) => asset.state === 'kept')
  const asset = kept[Math.floor(Math.random() * kept.length)]
  const choice = Math.random()
  if (asset && choice < 0.2) return purge(target, ledger, asset)
  if (asset && choice < 0.4) return send(target, ledger, mine, asset)
  return send(target, ledger, mine)
}

async function send(target: Target, ledger: Ledger, mine: KnownAsset[], existing?: KnownAsset): Promise<void> {
  const content =
    Math.random() < 0.15 ? (shared[Math.floor(Math.random() * shared.length)] as Buffer<ArrayBuffer>) : newContent()
  const path = existing ? `/v1/assets/${existing.id}/versions` : '/v1/assets'
  const answer = await fetch(`${target.url}${path}?name=a.txt`, {
    method: 'POST',
    headers: { ...target.headers, 'content-type': 'text/plain' },
    body: content,
  })
  // Its status is the promise: from here on the upload counts, even if the rest of the answer is lost.
  if (answer.status !== 201) return refuse(ledger, answer)
  const id = answer.headers.get('location')?.split('/').at(-1) as string
  const asset = existing ?? { id, versions: new Map<number, string>(), state: 'kept' }
  if (!existing) {
    mine.push(asset)
    ledger.assets.set(id, asset)
    asset.versions.set(1, hashOf(content))
  }
  ledger.acknowledged += 1
  const { version } = (await answer.json()) as { version: number }
  asset.versions.set(version, hashOf(content))
}

async function purge(target: Target, ledger: Ledger, asset: KnownAsset): Promise<void> {
  asset.state = 'inDoubt'
  const address = `${target.url}/v1/assets/${asset.id}?purge=true`
  const answer = await fetch(address, { method: 'DELETE', headers: target.headers })
  if (!answer.ok) return refuse(ledger, answer)
  asset.state = 'purged'
  ledger.purged += 1
  await answer.arrayBuffer()
}

async function refuse(ledger: Ledger, answer: Response): Promise<void> {
  ledger.refused[answer.status] = (ledger.refused[answer.status] ?? 0) + 1
  await answer.arrayBuffer()
}

/** Text of any length between the limits, short ones as frequent as long ones. */
function newContent(): Buffer<ArrayBuffer> {
  const sizeBytes = Math.round(LEAST_BYTES * (MOST_BYTES / LEAST_BYTES) ** Math.random())
  return Buffer.from(randomBytes(sizeBytes).toString('base64').slice(0, sizeBytes))
}

import { createHash } from 'node:crypto'

/** What the campaign was promised about one asset. */
export interface KnownAsset {
  id: string
  /** Hashes of the acknowledged versions, by number. */
  versions: Map<number, string>
  /** `inDoubt` when a purge was asked for and its answer never came. */
  state: 'kept' | 'inDoubt' | 'purged'
}

export interface Ledger {
  assets: Map<string, KnownAsset>
  /** Uploads and new versions that were answered 201. */
  acknowledged: number
  purged: number
  /** Requests whose answer never came. */
  cut: number
  /** Answers that were no success, by status. */
  refused: Record<string, number>
}

export interface Target {
  url: string
  headers: Record<string, string>
}

const CHECKS_AT_ONCE = 16

export function createLedger(): Ledger {
  return { assets: new Map(), acknowledged: 0, purged: 0, cut: 0, refused: {} }
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Reads everything back that was promised. Answers each broken promise in words. */
export async function checkAssets(target: Target, assets: readonly KnownAsset[]): Promise<string[]> {
  const broken: string[] = []
  const waiting = [...assets]
  const check = async () => {
    for (let asset = waiting.pop(); asset; asset = waiting.pop()) broken.push(...(await checkAsset(target, asset)))
  }
  await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, check))
  return broken
}

async function checkAsset(target: Target, asset: KnownAsset): Promise<string[]> {
  const address = `${target.url}/v1/assets/${asset.id}`
  const { status } = await fetch(address, { headers: target.headers }).then(drained)
  if (asset.state === 'purged') return status === 404 ? [] : [`${asset.id} was purged and answers ${status}`]
  if (asset.state === 'inDoubt') asset.state = status === 404 ? 'purged' : 'kept'
  if (asset.state === 'purged') return []
  if (status !== 200) return [`${asset.id} answers ${status}`]
  const broken: string[] = []
  for (const [n, sha256] of asset.versions) {
    const answer = await fetch(`${address}/content?version=${n}`, { headers: target.headers })
    const bytes = await answer.bytes().catch(() => undefined)
    if (answer.status !== 200 || !bytes) broken.push(`${asset.id} version ${n} answers ${answer.status}`)
    else if (hashOf(bytes) !== sha256) broken.push(`${asset.id} version ${n} has other bytes`)
  }
  return broken
}

async function drained(answer: Response): Promise<Response> {
  await answer.arrayBuffer()
  return answer
}

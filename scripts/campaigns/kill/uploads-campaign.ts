import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { pino } from 'pino'
import { readConfig } from '../../../apps/server/src/config.ts'
import { layFoundation } from '../../../apps/server/src/foundation.ts'
import { withClient } from '../../../apps/server/src/platform/database/client.ts'
import { runCommand, type StartOptions, startServer } from '../../../apps/server/test/durability/server-process.ts'
import { makeBucket, S3_KEYS } from '../../../apps/server/test/store-settings.ts'
import type { CampaignOptions, Figures } from './campaign.ts'
import { checkAssets, createLedger } from './ledger.ts'
import { goOn } from './unfinished.ts'
import { PART_BYTES, type UploadsLedger, uploadUntilGone, withUploads } from './uploads-load.ts'

export interface UploadsFigures extends Figures {
  resumed: number
  byRoad: Record<string, number>
  /** Multipart uploads that the store still holds open when everything has been done. */
  openInStore: string[]
}

const CALLERS = 8
const LEASE_SECONDS = 2
const LEAST_MS = 100
const MOST_MS = 3000
const SETTLE_ROUNDS = 5

/**
 * Kills a server at random moments while files come in on every road there is: in parts through the service, straight
 * to the S3 server at `endpoint`, and resumable. What a kill cuts off is gone on with by the next server. At the end
 * all that was acknowledged must read back, all that was accepted must have become an asset, and nothing may be left
 * over, open multipart uploads included.
 */
export async function runKillUploads(options: CampaignOptions & { endpoint: string }): Promise<UploadsFigures> {
  const begun = Date.now()
  const data = await mkdtemp(join(tmpdir(), 'stowage-kill-uploads-'))
  const bucket = `stowage-kill-${randomUUID()}`
  await makeBucket(options.endpoint, bucket)
  const start: StartOptions = { data, env: settingsFor(options, bucket) }
  const ledger = withUploads(createLedger())
  const kills = await killAgainAndAgain(start, options, ledger, begun)
  await settle(start, ledger)
  const left = await inspectAtRest(start)
  const openInStore = await openUploads(options.endpoint, bucket)
  const lost = [...new Set(ledger.broken), ...left.missing, ...left.damaged]
  if (lost.length + left.stray.length + left.pending + openInStore.length === 0) await rm(data, { recursive: true })
  else lost.push(`the data is in ${data}, the bucket is ${bucket}`)
  const { acknowledged, purged, cut, refused, resumed, byRoad } = ledger
  const { stray, pending, versions } = left
  const seconds = Math.round((Date.now() - begun) / 1000)
  const database = options.databaseUrl ? ('external' as const) : ('embedded' as const)
  const ends = { lost, stray, pending, openInStore, versions, seconds }
  return { database, kills, acknowledged, purged, cut, refused, resumed, byRoad, ...ends }
}

function settingsFor({ databaseUrl, endpoint }: CampaignOptions & { endpoint: string }, bucket: string) {
  const place = { kind: 's3', bucket, endpoint, pathStyle: true, partBytes: PART_BYTES, ...S3_KEYS }
  return {
    STOWAGE_UPLOAD_LEASE_SECONDS: String(LEASE_SECONDS),
    STOWAGE_STORE: 'tested',
    STOWAGE_STORES: JSON.stringify({ tested: place }),
    STOWAGE_FALLBACK_STORE: 'none',
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
  }
}

async function killAgainAndAgain(
  start: StartOptions,
  options: CampaignOptions,
  ledger: UploadsLedger,
  begun: number,
): Promise<number> {
  let kills = 0
  let server = await startServer(start)
  while (kills < options.kills && Date.now() - begun < options.seconds * 1000) {
    const load = uploadUntilGone(server, ledger, CALLERS)
    await pause(LEAST_MS + Math.random() * (MOST_MS - LEAST_MS))
    await server.kill(!options.databaseUrl && kills % 2 === 1 ? 'everything' : 'server')
    const made = await load
    kills += 1
    server = await startServer(start)
    ledger.broken.push(...(await checkAssets(server, made)))
  }
  await server.stop()
  return kills
}

/** Every upload goes on until it has ended, the completions of killed servers included, and then all is read back. */
async function settle(start: StartOptions, ledger: UploadsLedger): Promise<void> {
  for (let round = 0; round < SETTLE_ROUNDS && ledger.unfinished.length > 0; round += 1) {
    await hurry(start, `update stowage.staged_upload set due_at = now() where state = 'completing'`)
    const server = await startServer(start)
    for (const upload of ledger.unfinished.splice(0)) {
      const outcome = await goOn(server, upload)
      if (outcome === 'waiting') ledger.unfinished.push(upload)
      else if ('broken' in outcome) ledger.broken.push(outcome.broken)
      else {
        ledger.assets.set(outcome.done, { id: outcome.done, versions: new Map([[1, upload.sha256]]), state: 'kept' })
        ledger.acknowledged += 1
        ledger.resumed += 1
        ledger.byRoad[upload.road] = (ledger.byRoad[upload.road] ?? 0) + 1
      }
    }
    await server.stop()
  }
  ledger.broken.push(...ledger.unfinished.map(({ id, road }) => `${id} (${road}) has not ended`))
  const server = await startServer(start)
  ledger.broken.push(...(await checkAssets(server, [...ledger.assets.values()])))
  await server.stop()
}

/** What is left when nothing runs any more, every lease and every signed request is over, and every job has been done. */
async function inspectAtRest(start: StartOptions) {
  await hurry(
    start,
    `update stowage.staged_upload set expires_at = now(), due_at = now();
     update stowage.copy set due_at = now(), writable_until = now() where state in ('writing', 'releasing')`,
  )
  const jobs = await runCommand(['jobs'], start)
  if (jobs.status !== 0) throw new Error(`The jobs could not be run: ${jobs.output}`)
  const check = await runCommand(['fsck'], start)
  return JSON.parse(check.output) as Pick<Figures, 'versions' | 'stray' | 'pending'> &
    Record<'missing' | 'damaged', string[]>
}

/** Time passes for what the rows say. */
async function hurry({ data, env }: StartOptions, text: string): Promise<void> {
  const config = readConfig({ STOWAGE_DATA: data, ...env })
  const foundation = await layFoundation(config, pino({ level: 'silent' }), () => {})
  try {
    await withClient(foundation.owner, (owner) => owner.query(text))
  } finally {
    await foundation.stop()
  }
}

async function openUploads(endpoint: string, bucket: string): Promise<string[]> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: S3_KEYS })
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  client.destroy()
  return Uploads.map(({ Key }) => Key ?? '')
}

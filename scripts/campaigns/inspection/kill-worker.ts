import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { FsckReport } from '../../../apps/server/src/fsck.ts'
import type { CorpusFile } from '../../../apps/server/test/corpus/corpus-file.ts'
import { openCorpus } from '../../../apps/server/test/corpus/make.ts'
import { type Caller, newOrganization } from '../../../apps/server/test/service.ts'
import { openSharedDatabase, type SharedDatabase } from './database.ts'
import { workingIn } from './processes.ts'
import { type Ground, openGround, run, type Started, start } from './served.ts'
import { differences, type Recorded, recordedOf } from './understanding.ts'

export interface KillWorkerOptions {
  kills: number
  /** No kill is begun after so long. */
  seconds: number
  /** An empty database; the embedded one when absent. */
  databaseUrl?: string | undefined
  clamd?: string | undefined
}

export interface KillWorkerFigures {
  kills: number
  /** In each of the two organizations. */
  files: number
  /** Files that the service does not take, and why. */
  refused: string[]
  /** How many steps were cut off, and have been taken up again since. */
  interrupted: number
  /** How often the steps were asked for anew, so that there was work to be cut off. */
  rounds: number
  attempts: number
  /** Interrupted steps that count no further attempt. */
  uncounted: string[]
  /** Where a file is understood otherwise than in the undisturbed run, or twice. */
  different: string[]
  /** Steps that have not ended. */
  open: string[]
  /** Until the last process that a killed worker had started was gone, at the most. */
  childrenGoneMs: number
  /** Processes and folders that outlived the next start. */
  left: string[]
  /** What `fsck` finds once the reaper has been: versions, pictures, and bytes that belong to nobody. */
  bytes: Pick<FsckReport, 'missing' | 'damaged' | 'stray' | 'pending'>
  seconds: number
}

const LEAST_MS = 50
const MOST_MS = 3000
/** Until the database has noticed that a worker's connections are gone. */
const ROLLED_BACK_MS = 300
const CHILDREN_GONE_WITHIN_MS = 10_000
const POLL_MS = 200
const SETTLE_WITHIN_MS = 600_000
/** With less work than this ahead, a kill might hit an idle worker. */
const LEAST_AHEAD = 24
const UPLOADS_AT_ONCE = 4

/**
 * Has two organizations send the same files. One's are inspected undisturbed; while the other's are, the worker is
 * killed again and again. In the end both must be understood alike.
 */
export async function runKillWorker(options: KillWorkerOptions): Promise<KillWorkerFigures> {
  const begun = Date.now()
  const { files } = await openCorpus()
  const database = await openSharedDatabase(options.databaseUrl)
  const ground = await openGround({
    DATABASE_URL: database.url,
    ...(options.clamd && { STOWAGE_CLAMD: options.clamd }),
  })
  try {
    const server = await start(ground, 'serve', { STOWAGE_WORKER: 'off' })
    try {
      const { calm, refused } = await inspectCalmly(ground, server, database, files)
      const disturbed = await newOrganization(server.call)
      await sendAll(server.call, disturbed.slug, files)
      await wantPictures(database)
      const killed = await killAgainAndAgain(ground, database, options, begun)
      const worker = await start(ground, 'work')
      await settle(database)
      await worker.stop()
      const tenantId = await tenantOf(database, disturbed.slug)
      const bytes = await checkBytes(ground, database)
      const seconds = Math.round((Date.now() - begun) / 1000)
      return {
        kills: killed.kills,
        files: files.length - refused.length,
        refused,
        interrupted: killed.interrupted.length,
        rounds: killed.rounds,
        childrenGoneMs: killed.childrenGoneMs,
        different: differences(calm, await recordedOf(database.client, tenantId)),
        ...(await endOfSteps(database, tenantId, killed.interrupted)),
        left: [...(await ground.leftovers()).filter(isSandbox), ...workingIn(ground.temporary)],
        bytes,
        seconds,
      }
    } finally {
      await server.stop()
    }
  } finally {
    await database.stop()
    await ground.remove()
  }
}

const isSandbox = (name: string) => name.startsWith('stowage-sandbox-')

async function inspectCalmly(
  ground: Ground,
  { call }: Started,
  database: SharedDatabase,
  files: readonly CorpusFile[],
): Promise<{ calm: Recorded; refused: string[] }> {
  const { slug } = await newOrganization(call)
  const refused = await sendAll(call, slug, files)
  await wantPictures(database)
  const worker = await start(ground, 'work')
  await settle(database)
  await worker.stop()
  return { calm: await recordedOf(database.client, await tenantOf(database, slug)), refused }
}

/** @returns what the service does not take, and why */
async function sendAll(call: Caller, organization: string, files: readonly CorpusFile[]): Promise<string[]> {
  const left = [...files]
  const refused: string[] = []
  const send = async () => {
    for (let file = left.pop(); file; file = left.pop()) {
      const path = `/v1/assets?name=${encodeURIComponent(file.name)}&assetType=backup_file`
      const headers = { 'content-type': 'application/octet-stream' }
      const { status, json } = await call(path, { body: await readFile(file.path), headers, organization })
      if (status >= 500) throw new Error(`${file.name} got no answer: ${JSON.stringify(json)}`)
      if (status !== 201) refused.push(`${file.name}: ${status} ${json.code}`)
    }
  }
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, send))
  return refused
}

async function tenantOf({ client }: SharedDatabase, slug: string): Promise<string> {
  const text = 'select tenant_id from stowage.organization where slug = $1'
  return (await client.query<{ tenant_id: string }>(text, [slug])).rows[0]!.tenant_id
}

interface Interrupted {
  asset_id: string
  name: string
  attempts: number
}

async function killAgainAndAgain(ground: Ground, database: SharedDatabase, options: KillWorkerOptions, begun: number) {
  const interrupted: Interrupted[] = []
  let [kills, rounds, childrenGoneMs] = [0, 0, 0]
  while (kills < options.kills && Date.now() - begun < options.seconds * 1000) {
    if ((await countOpen(database)) < LEAST_AHEAD) {
      await askAgain(database)
      rounds += 1
    }
    const worker = await start(ground, 'work')
    await pause(LEAST_MS + Math.random() * (MOST_MS - LEAST_MS))
    await worker.kill()
    kills += 1
    childrenGoneMs = Math.max(childrenGoneMs, await untilChildrenGone(ground))
    await pause(ROLLED_BACK_MS)
    interrupted.push(...(await runningSteps(database)))
    await passTime(database)
  }
  return { kills, rounds, childrenGoneMs, interrupted }
}

/** @returns how long it took */
async function untilChildrenGone({ temporary }: Ground): Promise<number> {
  const began = performance.now()
  while (workingIn(temporary).length > 0 && performance.now() - began < CHILDREN_GONE_WITHIN_MS) await pause(20)
  return Math.round(performance.now() - began)
}

async function checkBytes(ground: Ground, { client }: SharedDatabase): Promise<KillWorkerFigures['bytes']> {
  await client.query(
    `update stowage.copy set due_at = now(), writable_until = now() where state in ('writing', 'releasing')`,
  )
  await run(ground, 'jobs')
  const { missing, damaged, stray, pending } = JSON.parse(await run(ground, 'fsck')) as FsckReport
  return { missing, damaged, stray, pending }
}

async function countOpen({ client }: SharedDatabase): Promise<number> {
  const text = `select count(*)::integer as open from stowage.step where state in ('waiting', 'running')`
  return (await client.query<{ open: number }>(text)).rows[0]!.open
}

async function runningSteps({ client }: SharedDatabase): Promise<Interrupted[]> {
  const text = `select asset_id, name, attempts from stowage.step where state = 'running'`
  return (await client.query<Interrupted>(text)).rows
}

/** What is drawn without another program's help: a conversion outlasts most workers here. */
const DRAWN = `(media_type = 'application/pdf' or media_type like 'image/%')`

/** As readers ask. */
async function wantPictures({ client }: SharedDatabase): Promise<void> {
  await client.query(`insert into stowage.variant (tenant_id, asset_id, n, name, suffix, state)
    select tenant_id, asset_id, n, picture.name, picture.suffix, 'wanted' from stowage.version
      cross join (values ('thumbnail', ''), ('preview', '2')) as picture (name, suffix)
    where ${DRAWN}
    on conflict do nothing`)
  await client.query(`insert into stowage.step (tenant_id, asset_id, n, name, state)
    select tenant_id, asset_id, n, 'variants', 'waiting' from stowage.version where ${DRAWN} on conflict do nothing`)
}

/** As `reprocess` asks, of pictures that an older painter has made. */
async function askAgain({ client }: SharedDatabase): Promise<void> {
  await client.query(`update stowage.variant set recipe = 'of an older painter' where state = 'made'`)
  await client.query(`update stowage.step set state = 'waiting', due_at = now(), failures = 0, updated_at = now()
    where state in ('done', 'skipped', 'dead')`)
}

/** A minute goes by, and with it the leases of the dead. */
async function passTime({ client }: SharedDatabase): Promise<void> {
  await client.query(`update stowage.step set due_at = now() where state in ('waiting', 'running')`)
}

async function settle(database: SharedDatabase): Promise<void> {
  const until = Date.now() + SETTLE_WITHIN_MS
  while ((await countOpen(database)) > 0 && Date.now() < until) await pause(POLL_MS)
}

async function endOfSteps({ client }: SharedDatabase, tenantId: string, interrupted: readonly Interrupted[]) {
  const text = `select s.asset_id, s.name, s.state, s.attempts, v.name as file
    from stowage.step s join stowage.version v using (tenant_id, asset_id, n) where tenant_id = $1`
  const { rows } = await client.query<Interrupted & { state: string; file: string }>(text, [tenantId])
  const attemptsOf = new Map(rows.map(({ asset_id, name, attempts }) => [`${asset_id} ${name}`, attempts]))
  const uncounted = interrupted.filter(
    ({ asset_id, name, attempts }) => (attemptsOf.get(`${asset_id} ${name}`) ?? Infinity) <= attempts,
  )
  const open = rows.filter(({ state }) => state === 'waiting' || state === 'running')
  return {
    attempts: rows.reduce((sum, { attempts }) => sum + attempts, 0),
    uncounted: uncounted.map(({ asset_id, name, attempts }) => `${name} of ${asset_id} after attempt ${attempts}`),
    open: open.map(({ file, name, state }) => `${name} of ${file} is ${state}`),
  }
}

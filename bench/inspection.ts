import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { toUuid } from '../apps/server/src/domain/id.ts'
import { type Corpus, openCorpus } from '../apps/server/test/corpus/make.ts'
import { type Caller, newOrganization, newText } from '../apps/server/test/service.ts'
import { openSharedDatabase, type SharedDatabase } from '../scripts/campaigns/inspection/database.ts'
import { openGround, type Started, start } from '../scripts/campaigns/inspection/served.ts'
import { watchCpu } from './inspection-cpu.ts'
import type { InspectionResult } from './inspection-table.ts'
import { timelineOf } from './inspection-timeline.ts'
import { percentile } from './measure.ts'
import { MIB } from './rows.ts'

/** How long files take to be understood, and what that costs: a mixed corpus, at one worker and at two. */

const SENDERS = 4
const POLL_MS = 10
/** How often the corpus is sent at once, each time by another organization, so that no bytes are known already. */
const ROUNDS = { full: 3, quick: 1 }
/** One of so many files is sent at all, and one of so many of those is also sent alone. */
const SENT_EVERY = { full: 1, quick: 4 }
const ALONE_EVERY = { full: 1, quick: 3 }
const BIG_BYTES = 50 * MIB
const BIG_TIMES = 3

interface Setup {
  workers: number
  clamd: string | undefined
}

interface SourceFile {
  name: string
  bytes: Buffer
}

export async function measureInspection(size: 'full' | 'quick'): Promise<InspectionResult[]> {
  const every = SENT_EVERY[size]
  const files = (await contentsOf(await openCorpus())).filter((_, index) => index % every === 0)
  const clamd = process.env['STOWAGE_TEST_CLAMD'] || undefined
  const setups = [undefined, ...(clamd === undefined ? [] : [clamd])].flatMap((each) =>
    [1, 2].map((workers): Setup => ({ workers, clamd: each })),
  )
  const results: InspectionResult[] = []
  for (const setup of setups) {
    results.push(await measureSetup(setup, files, size))
    process.stderr.write(`${setup.workers} workers${setup.clamd ? ', clamd' : ''}\n`)
  }
  return results
}

async function contentsOf({ files, scans }: Corpus): Promise<SourceFile[]> {
  return Promise.all([...files, ...scans].map(async ({ name, path }) => ({ name, bytes: await readFile(path) })))
}

async function measureSetup(
  { workers: count, clamd }: Setup,
  files: readonly SourceFile[],
  size: 'full' | 'quick',
): Promise<InspectionResult> {
  const database = await openSharedDatabase(undefined)
  const ground = await openGround({ DATABASE_URL: database.url, ...(clamd && { STOWAGE_CLAMD: clamd }) })
  const started: Started[] = []
  try {
    const server = await start(ground, 'serve', { STOWAGE_WORKER: 'off' })
    started.push(server)
    for (let index = 0; index < count; index += 1) started.push(await start(ground, 'work'))
    const run: Run = { database, server, workers: started.slice(1) }
    // Children start, and code is loaded, before anything is measured.
    await sendAll(run, files.slice(0, 20))
    const all = Array.from({ length: ROUNDS[size] }, () => files).flat()
    const together = await measureTogether(run, files, ROUNDS[size])
    const alone = await measureAlone(
      run,
      files.filter((_, index) => index % ALONE_EVERY[size] === 0),
    )
    const mib = all.reduce((sum, { bytes }) => sum + bytes.length, 0) / MIB
    return { workers: count, scanner: clamd !== undefined, mib, ...together, ...alone, ...(await measureBig(run)) }
  } finally {
    for (const each of started.reverse()) await each.stop()
    await database.stop()
    await ground.remove()
  }
}

interface Run {
  database: SharedDatabase
  server: Started
  workers: readonly Started[]
}

async function measureTogether(run: Run, files: readonly SourceFile[], rounds: number) {
  const { database, server, workers } = run
  const pids = workers.map(({ pid }) => pid)
  const cpu = watchCpu(server.pid, pids, process.pid)
  const beganMs = Date.now()
  const sent = await Promise.all(Array.from({ length: rounds }, () => sendAll(run, files)))
  const cpuSeconds = cpu.stop()
  const timelines = await Promise.all(
    sent.map(({ tenantId, acknowledgedMs }) => timelineOf(database.client, tenantId, acknowledgedMs)),
  )
  const untilMs = Float64Array.from(timelines.flatMap(({ untilUnderstoodMs }) => [...untilUnderstoodMs])).sort()
  const endedAtMs = Math.max(...timelines.map((timeline) => timeline.endedAtMs))
  return {
    files: untilMs.length,
    filesPerSecond: (untilMs.length * 1000) / (endedAtMs - beganMs),
    p50Ms: percentile(untilMs, 0.5),
    p99Ms: percentile(untilMs, 0.99),
    cpuSeconds,
    steps: meansOf(
      timelines.flatMap(({ steps }) => steps),
      'step',
      ['waitMs', 'runMs'],
    ),
    readers: meansOf(
      timelines.flatMap(({ readers }) => readers),
      'reader',
      ['runMs'],
    ),
    dead: timelines.reduce((sum, { dead }) => sum + dead, 0),
  }
}

/** Means of means, each weighed by its files. */
function meansOf<Row extends { files: number }>(
  rows: readonly Row[],
  name: keyof Row,
  means: readonly (keyof Row)[],
): Row[] {
  const groups = Map.groupBy(rows, (row) => row[name])
  return [...groups.values()].map((group) => {
    const files = group.reduce((sum, row) => sum + row.files, 0)
    const mean = (key: keyof Row) => group.reduce((sum, row) => sum + (row[key] as number) * row.files, 0) / files
    return { ...(group[0] as Row), files, ...Object.fromEntries(means.map((key) => [key, mean(key)])) }
  })
}

interface SentFiles {
  tenantId: string
  /** By asset, as the database calls it. */
  acknowledgedMs: Map<string, number>
}

/** Sends the files in a new organization and waits until all of them are understood. */
async function sendAll({ database, server }: Run, files: readonly SourceFile[]): Promise<SentFiles> {
  const { slug } = await newOrganization(server.call)
  const acknowledgedMs = new Map<string, number>()
  const left = [...files]
  const sender = async () => {
    for (let file = left.pop(); file; file = left.pop()) {
      const id = await send(server.call, slug, file)
      if (id !== undefined) acknowledgedMs.set(id, Date.now())
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  const tenantId = await tenantOf(database, slug)
  await untilUnderstood(database, tenantId)
  return { tenantId, acknowledgedMs }
}

/** @returns the asset, as the database calls it; undefined for a file that the service does not take */
async function send(call: Caller, organization: string, { name, bytes }: SourceFile): Promise<string | undefined> {
  const headers = { 'content-type': 'application/octet-stream' }
  const path = `/v1/assets?name=${encodeURIComponent(name)}&assetType=backup_file`
  const { status, json } = await call(path, { body: bytes, headers, organization })
  if (status >= 500) throw new Error(`${name} got no answer: ${JSON.stringify(json)}`)
  return status === 201 ? toUuid(json.id) : undefined
}

async function tenantOf({ client }: SharedDatabase, slug: string): Promise<string> {
  const text = 'select tenant_id from stowage.organization where slug = $1'
  return (await client.query<{ tenant_id: string }>(text, [slug])).rows[0]!.tenant_id
}

async function untilUnderstood({ client }: SharedDatabase, tenantId: string): Promise<void> {
  const text = `select count(*)::integer as open from stowage.step
    where tenant_id = $1 and state in ('waiting', 'running')`
  while ((await client.query<{ open: number }>(text, [tenantId])).rows[0]!.open > 0) await pause(POLL_MS)
}

async function measureAlone({ database, server }: Run, files: readonly SourceFile[]) {
  const { slug } = await newOrganization(server.call)
  const tenantId = await tenantOf(database, slug)
  const untilMs: number[] = []
  for (const file of files) {
    if ((await send(server.call, slug, file)) === undefined) continue
    const began = performance.now()
    await untilUnderstood(database, tenantId)
    untilMs.push(performance.now() - began)
  }
  const sorted = Float64Array.from(untilMs).sort()
  return { aloneP50Ms: percentile(sorted, 0.5), aloneP99Ms: percentile(sorted, 0.99) }
}

/** The median of a few. */
async function measureBig({ server }: Run) {
  const acknowledged: number[] = []
  const readable: number[] = []
  for (let time = 0; time < BIG_TIMES; time += 1) {
    const { slug } = await newOrganization(server.call)
    const bytes = newText(BIG_BYTES)
    const began = performance.now()
    const id = await sendBig(server.call, slug, bytes)
    acknowledged.push(performance.now() - began)
    const read = () => server.call(`/v1/assets/${id}/content`, { organization: slug, headers: { range: 'bytes=0-0' } })
    while ((await read()).status !== 206) await pause(POLL_MS)
    readable.push(performance.now() - began)
  }
  const median = (values: number[]) => percentile(Float64Array.from(values).sort(), 0.5)
  return { bigAcknowledgedMs: median(acknowledged), bigReadableMs: median(readable) }
}

async function sendBig(call: Caller, organization: string, body: Buffer): Promise<string> {
  const { status, json } = await call('/v1/assets?name=big.txt', {
    body,
    headers: { 'content-type': 'text/plain' },
    organization,
  })
  if (status !== 201) throw new Error(`the large file was refused: ${JSON.stringify(json)}`)
  return json.id
}

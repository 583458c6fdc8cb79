import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Done, Work } from './load.ts'
import { cpuOf, peakBytes, percentile, resetPeak } from './measure.ts'
import { type Action, chooseRows, LISTED_ASSETS, type Row } from './rows.ts'
import { type Server, startBare, startService } from './servers.ts'
import { broken, type Figures, type Result, table } from './table.ts'

const USAGE = `npm run bench -- [--quick] [--check] [--rows name,…] [--node-option option]…

Measures this service against a bare Node server that keeps files durably, in alternating slices. Linux only.

  --quick        shorter slices, fewer assets in lists
  --check        ends with 1 when a floor of rate or memory is broken
  --rows         only rows whose names begin so: upload, download-1k, list-32
  --node-option  for the service's process, such as --cpu-prof

TMPDIR decides on which disk both keep their files.`

interface Timing {
  slices: number
  seconds: number
  warmUpSeconds: number
}

const timings = {
  full: { slices: 3, seconds: 1.8, warmUpSeconds: 0.3 },
  quick: { slices: 1, seconds: 0.7, warmUpSeconds: 0.2 },
}

/** A slice lasts at least one request of each caller, too long for a warm-up of a thousand. */
const WARM_UP_CALLERS = 32

/** Bounds what one slice writes to disk. */
const MAX_SLICE_BYTES = 600 * 1024 * 1024
const SEEDED = [
  { sizeBytes: 1024, count: 256 },
  { sizeBytes: 100 * 1024, count: 256 },
  { sizeBytes: 10 * 1024 * 1024, count: 16 },
]
const RESULTS = join(import.meta.dirname, 'results')

/** A server with what it was given beforehand, by size. */
type Side = Server & { seeded: Map<number, string[]> }

async function slice(load: ChildProcess, work: Work): Promise<Done> {
  load.send(work)
  const [done] = (await once(load, 'message')) as [Done]
  return done
}

function workOf(
  side: Side,
  row: Pick<Row, 'action' | 'callers' | 'sizeBytes'>,
  seconds: number,
  count = Infinity,
): Work {
  const ids = row.action === 'sign' ? side.seeded.get(1024) : side.seeded.get(row.sizeBytes)
  const { action, callers, sizeBytes } = row
  const wanted = action === 'upload' ? [] : (ids ?? [])
  const fits = sizeBytes > 0 ? Math.ceil(MAX_SLICE_BYTES / sizeBytes) : Infinity
  const maxRequests = Math.min(count, Math.max(fits, callers))
  return { action, port: side.port, key: side.key, callers, sizeBytes, ids: wanted, seconds, maxRequests }
}

async function seed(load: ChildProcess, server: Server, actions: ReadonlySet<Action>): Promise<Side> {
  const side: Side = { ...server, seeded: new Map() }
  for (const { sizeBytes, count } of SEEDED) {
    if (!actions.has('download') && !(actions.has('sign') && sizeBytes === 1024)) continue
    const done = await slice(load, workOf(side, { action: 'upload', callers: 8, sizeBytes }, 60, count))
    if (done.failed > 0) throw new Error(`seeding failed: ${done.firstFailure}`)
    side.seeded.set(sizeBytes, done.ids)
  }
  return side
}

interface Measured {
  done: Done[]
  server: number
  database: number
  peak: number
}

async function measureSlice(load: ChildProcess, side: Side, row: Row, seconds: number, into: Measured): Promise<void> {
  resetPeak(side.pid)
  const before = cpuOf(side.pid)
  into.done.push(await slice(load, workOf(side, row, seconds)))
  const after = cpuOf(side.pid)
  into.server += after.server - before.server
  into.database += after.database - before.database
  into.peak = Math.max(into.peak, peakBytes(side.pid))
}

function figuresOf(row: Row, { done, server, database, peak }: Measured): Figures {
  const requests = done.reduce((sum, each) => sum + each.requests, 0)
  const seconds = done.reduce((sum, each) => sum + each.seconds, 0)
  const latencies = Float64Array.from(done.flatMap((each) => [...each.latenciesMs])).sort()
  return {
    requestsPerSecond: requests / seconds,
    mibPerSecond: (requests * row.sizeBytes) / seconds / 1024 / 1024,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    serverCpuMs: (server * 1000) / requests,
    databaseCpuMs: (database * 1000) / requests,
    peakBytes: peak,
    requests,
    failed: done.reduce((sum, each) => sum + each.failed, 0),
    firstFailure: done.find((each) => each.firstFailure)?.firstFailure,
  }
}

/** One row: bare and ours take turns, so that whatever else the machine does meets both. */
async function measureRow(
  load: ChildProcess,
  sides: { ours: Side; bare: Side },
  row: Row,
  timing: Timing,
): Promise<Result> {
  const empty = (): Measured => ({ done: [], server: 0, database: 0, peak: 0 })
  const taken = { ours: empty(), bare: empty() }
  const names = row.compared ? (['bare', 'ours'] as const) : (['ours'] as const)
  const warmUp = { ...row, callers: Math.min(row.callers, WARM_UP_CALLERS) }
  for (const name of names) await slice(load, workOf(sides[name], warmUp, timing.warmUpSeconds))
  for (let turn = 0; turn < timing.slices; turn++) {
    for (const name of names) await measureSlice(load, sides[name], row, timing.seconds, taken[name])
  }
  const ours = figuresOf(row, taken.ours)
  const bare = row.compared ? figuresOf(row, taken.bare) : undefined
  return { row, ours, bare, ratio: bare && ours.requestsPerSecond / bare.requestsPerSecond }
}

/** Lists are measured first, among exactly so many assets. */
function inOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => Number(b.action === 'list') - Number(a.action === 'list'))
}

async function measureAll(folder: string, rows: readonly Row[], quick: boolean, nodeOptions: readonly string[]) {
  const load = fork(join(import.meta.dirname, 'load.ts'), { serialization: 'advanced' })
  const started: Server[] = []
  try {
    started.push(await startBare(join(folder, 'bare')))
    started.push(await startService(join(folder, 'service'), nodeOptions))
    const [bare, ours] = started as [Server, Server]
    const actions = new Set(rows.map((row) => row.action))
    const sides = { bare: await seed(load, bare, actions), ours: await seed(load, ours, actions) }
    if (actions.has('list')) {
      const count = LISTED_ASSETS[quick ? 'quick' : 'full'] - [...sides.ours.seeded.values()].flat().length
      await slice(load, workOf(sides.ours, { action: 'upload', callers: 32, sizeBytes: 100 }, 120, count))
    }
    const results: Result[] = []
    for (const row of inOrder(rows)) {
      results.push(await measureRow(load, sides, row, timings[quick ? 'quick' : 'full']))
      process.stderr.write(`${row.name}\n`)
    }
    return results
  } finally {
    load.disconnect()
    for (const server of started.reverse()) await server.stop()
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      rows: { type: 'string', default: '' },
      'node-option': { type: 'string', multiple: true, default: [] },
    },
  })
  if (values.help || process.platform !== 'linux') {
    process.stdout.write(`${USAGE}\n`)
    return values.help ? 0 : 2
  }
  const words = values.rows.split(',').filter((word) => word !== '')
  const folder = await mkdtemp(join(tmpdir(), 'stowage-bench-'))
  try {
    const results = await measureAll(folder, chooseRows(words), values.quick, values['node-option'])
    process.stdout.write(table(results))
    if (words.length === 0) await keep(results, values.quick ? 'quick' : 'full')
    const complaints = values.check ? broken(results) : []
    for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
    return complaints.length > 0 ? 1 : 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function keep(results: readonly Result[], name: string): Promise<void> {
  await mkdir(RESULTS, { recursive: true })
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, platform: process.platform }
  const record = { at: new Date().toISOString(), machine, results }
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`)
  await writeFile(join(RESULTS, `${name}.md`), table(results))
}

process.exitCode = await main()

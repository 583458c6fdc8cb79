import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureInspection } from './inspection.ts'
import { inspectionTable } from './inspection-table.ts'
import type { Done, Work } from './load.ts'
import { cpuOf, movedBytes, peakBytes, percentile, resetPeak } from './measure.ts'
import { type Action, chooseRows, KIB, LISTED_ASSETS, LISTED_ORGANIZATION, MIB, type Row } from './rows.ts'
import type { Started } from './s3.ts'
import type { Server } from './servers.ts'
import { type Setup, setups } from './setups.ts'
import { broken, type Figures, type Result, table } from './table.ts'

const USAGE = `npm run bench -- [--store s3] [--inspection] [--quick] [--check] [--rows name,…] [--node-option option]…

Measures this service against a bare Node server that keeps files durably, in alternating slices. Linux only.

  --store        where both keep their files: local (a folder), or s3, where the bare server does with Amazon's SDK alone
                 what is asked of it. s3 is the server that STOWAGE_TEST_S3 names, or one that is started for the run,
                 which takes root and up to 12 GiB of memory
  --quick        shorter slices, fewer assets in lists
  --check        ends with 1 when a request fails or a floor of rate or memory is broken; s3 has no floors yet
  --rows         only rows whose names begin so: upload, download-1k, list-32; they are printed and not kept
  --node-option  for the service's process, such as --cpu-prof
  --inspection   instead of all that: how long files take to be read and understood, at one worker and at two, and with
                 the scanner that STOWAGE_TEST_CLAMD names. Its files are made by LibreOffice, Ghostscript, exiftool
                 and ffmpeg, as far as they are there

TMPDIR decides on which disk both keep their files and the service its database.`

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

/** How many files of a size there are to be read, where a row reads them. Of small ones as many as make both sides warm. */
const SEEDED = [
  { sizeBytes: KIB, count: 4096 },
  { sizeBytes: 100 * KIB, count: 256 },
  { sizeBytes: 10 * MIB, count: 16 },
]
/** The embedded database looks every 10 seconds at how much there is, which decides on the plan of a list. */
const COUNTED_WITHIN_MS = 12_000
/** Any file has its URLs signed alike. */
const SIGNED_SIZE_BYTES = KIB
const WRITING: ReadonlySet<Action> = new Set(['upload', 'direct', 'multipart'])
const RESULTS = join(import.meta.dirname, 'results')

/** A server with what it was given beforehand, by size, and what a slice may write to it. */
type Side = Server & { seeded: Map<number, string[]>; maxSliceBytes: number; organization?: string }

async function slice(load: ChildProcess, work: Work): Promise<Done> {
  load.send(work)
  const [done] = (await once(load, 'message')) as [Done]
  return done
}

function workOf(
  side: Side,
  { action, callers, sizeBytes }: Pick<Row, 'action' | 'callers' | 'sizeBytes'>,
  seconds: number,
  count?: number,
): Work {
  const ids = side.seeded.get(seededSize({ action, sizeBytes })) ?? []
  const fits = WRITING.has(action) ? Math.ceil(side.maxSliceBytes / sizeBytes) : Infinity
  const maxRequests = count ?? Math.max(fits, callers)
  const { port, key, organization } = side
  return { action, port, key, organization, callers, sizeBytes, ids, seconds, maxRequests }
}

/** The size of the files that a row reads; 0 for one that reads none. */
function seededSize({ action, sizeBytes }: Pick<Row, 'action' | 'sizeBytes'>): number {
  if (action === 'sign') return SIGNED_SIZE_BYTES
  return WRITING.has(action) ? 0 : sizeBytes
}

async function seed(load: ChildProcess, server: Server, { maxSliceBytes }: Setup, rows: readonly Row[]): Promise<Side> {
  const side: Side = { ...server, seeded: new Map(), maxSliceBytes }
  const sizes = new Set(rows.map(seededSize))
  for (const { sizeBytes, count } of SEEDED.filter((each) => sizes.has(each.sizeBytes))) {
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
  moved: number
}

async function measureSlice(load: ChildProcess, side: Side, row: Row, seconds: number, into: Measured): Promise<void> {
  resetPeak(side.pid)
  const movedBefore = movedBytes(side.pid)
  const before = cpuOf(side.pid)
  into.done.push(await slice(load, workOf(side, row, seconds)))
  const after = cpuOf(side.pid)
  into.server += after.server - before.server
  into.database += after.database - before.database
  into.peak = Math.max(into.peak, peakBytes(side.pid))
  into.moved += movedBytes(side.pid) - movedBefore
}

function figuresOf(row: Row, { done, server, database, peak, moved }: Measured): Figures {
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
    movedBytes: moved / requests,
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
  const empty = (): Measured => ({ done: [], server: 0, database: 0, peak: 0, moved: 0 })
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

/** Lists are measured last: what is sent to make them, the bare server is not sent. */
function inOrder(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => Number(a.action === 'list') - Number(b.action === 'list'))
}

/** An organization with exactly so many assets as lists are measured among. */
async function fillLists(load: ChildProcess, ours: Side, quick: boolean): Promise<Side> {
  await slice(load, workOf(ours, { action: 'found', callers: 1, sizeBytes: 0 }, 60, 1))
  const side = { ...ours, organization: LISTED_ORGANIZATION }
  const count = LISTED_ASSETS[quick ? 'quick' : 'full']
  const done = await slice(load, workOf(side, { action: 'upload', callers: 32, sizeBytes: 100 }, 120, count))
  if (done.requests !== count) throw new Error(`${done.requests} assets to be listed: ${done.firstFailure}`)
  await new Promise((resolve) => setTimeout(resolve, COUNTED_WITHIN_MS))
  return side
}

async function measureAll(
  folder: string,
  setup: Setup,
  rows: readonly Row[],
  quick: boolean,
  nodeOptions: readonly string[],
): Promise<Result[]> {
  const load = fork(join(import.meta.dirname, 'load.ts'), { serialization: 'advanced' })
  const started: Started[] = []
  try {
    const { bare, ours } = await setup.start(folder, nodeOptions, started)
    const sides = { bare: await seed(load, bare, setup, rows), ours: await seed(load, ours, setup, rows) }
    const results: Result[] = []
    for (const row of inOrder(rows)) {
      if (row.action === 'list') sides.ours = await fillLists(load, sides.ours, quick)
      results.push(await measureRow(load, sides, row, timings[quick ? 'quick' : 'full']))
      process.stderr.write(`${row.name}\n`)
    }
    return results
  } finally {
    load.disconnect()
    for (const each of started.reverse()) await each.stop()
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      store: { type: 'string', default: 'local' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      rows: { type: 'string', default: '' },
      'node-option': { type: 'string', multiple: true, default: [] },
      inspection: { type: 'boolean', default: false },
    },
  })
  if (values.help || process.platform !== 'linux') {
    process.stdout.write(`${USAGE}\n`)
    return values.help ? 0 : 2
  }
  if (values.inspection) return runInspection(values.quick ? 'quick' : 'full')
  const setup = setups[values.store]
  if (!setup) throw new Error(`--store is one of ${Object.keys(setups).join(', ')}`)
  const words = values.rows.split(',').filter((word) => word !== '')
  const rows = chooseRows(setup.rows, words)
  const folder = await mkdtemp(join(tmpdir(), 'stowage-bench-'))
  try {
    const results = await measureAll(folder, setup, rows, values.quick, values['node-option'])
    const shown = table(results)
    process.stdout.write(shown)
    if (words.length === 0) await keep(results, setup.resultsPrefix + (values.quick ? 'quick' : 'full'), shown)
    return values.check ? check(results) : 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @returns the exit status */
function check(results: readonly Result[]): number {
  if (results.every(({ row }) => row.floor === undefined && row.memoryAllowanceBytes === undefined)) {
    process.stderr.write('these rows have no floors of rate or memory: only failed requests count\n')
  }
  const complaints = broken(results)
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
  return complaints.length > 0 ? 1 : 0
}

async function runInspection(size: 'full' | 'quick'): Promise<number> {
  const results = await measureInspection(size)
  const shown = inspectionTable(results)
  process.stdout.write(shown)
  await keep(results, size === 'full' ? 'inspection' : 'inspection.quick', shown)
  return results.some(({ dead }) => dead > 0) ? 1 : 0
}

async function keep(results: readonly unknown[], name: string, shown: string): Promise<void> {
  await mkdir(RESULTS, { recursive: true })
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, platform: process.platform }
  const record = { at: new Date().toISOString(), machine, results }
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`)
  await writeFile(join(RESULTS, `${name}.md`), shown)
}

process.exitCode = await main()

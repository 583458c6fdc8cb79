import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import {
  type Client,
  createClient,
  type KeptUpload,
  StowageError,
  type Uploaded,
  type UploadMemory,
} from '@stowage/client'

/**
 * Walks through the main job against a server of its own, which lies in a temporary folder and is gone at the end:
 * `npm run demo`. Each step checks what it says; a step that does not hold ends the demo with exit code 1.
 */
const MAIN = join(import.meta.dirname, '../apps/server/src/main.ts')
const PLATFORM_KEY = `demo-${createHash('sha256').update(`${process.pid} ${Date.now()}`).digest('hex')}`
const PATIENCE_MS = 60_000
const FILES = [
  'quarterly-report.pdf',
  'supplier-agreement.docx',
  'budget-2026.xlsx',
  'site-visit.jpg',
  'customers.csv',
  'meeting-notes.txt',
]

interface Server {
  url: string
  process: ChildProcess
}

let steps = 0

function step(title: string): void {
  steps += 1
  console.log(`\n${steps}. ${title}`)
}

function tell(line: string): void {
  console.log(`   ${line}`)
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`This does not hold: ${what}`)
}

function settingsFor(data: string): NodeJS.ProcessEnv {
  const strangers = Object.keys(process.env).filter((name) => /^(STOWAGE_|DATABASE_URL$)/.test(name))
  const own = { STOWAGE_DATA: data, STOWAGE_PORT: '0', STOWAGE_ADMIN_KEY: PLATFORM_KEY, STOWAGE_LOG_LEVEL: 'warn' }
  return { ...process.env, ...Object.fromEntries(strangers.map((name) => [name, undefined])), ...own }
}

async function startServer(data: string): Promise<Server> {
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    env: settingsFor(data),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^Stowage serves (\S+)/.exec(line)?.[1]
    if (!url) continue
    child.stdout.resume()
    return { url, process: child }
  }
  throw new Error('The server did not start')
}

async function stopServer({ process: child }: Server): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  return Buffer.from(await new Response(stream).arrayBuffer())
}

async function example(name: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(join(import.meta.dirname, name)))
}

/** Runs what must be refused, and tells how it was. */
async function refused(code: string, work: () => Promise<unknown>): Promise<void> {
  const error = await work().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  must(error instanceof StowageError && error.code === code, `the answer is ${code}`)
  tell(`refused with ${code}: ${(error as StowageError).message}`)
}

async function uploadAll(client: Client): Promise<Uploaded[]> {
  step('Upload the six example files')
  const assets: Uploaded[] = []
  for (const name of FILES) {
    const bytes = await example(name)
    const asset = await client.upload(bytes, { name })
    must(asset.sha256 === sha256(bytes), 'the hash is that of the file')
    tell(`${name}: ${asset.sizeBytes} bytes, ${asset.mediaType}, sha256 ${asset.sha256.slice(0, 12)}…`)
    assets.push(asset)
  }
  step('Upload a PDF that calls itself a photograph')
  await refused('upload.typeMismatch', async () =>
    client.upload(await example('quarterly-report.pdf'), { name: 'photo.jpg' }),
  )
  step('List what is there')
  const { items } = await client.assets.list()
  must(items.length === FILES.length, 'the refused file left nothing behind')
  tell(`${items.length} assets, newest first: ${items.map((item) => item.name).join(', ')}`)
  return assets
}

async function changeAndRead(client: Client, report: Uploaded): Promise<void> {
  step('Add a new version of the report')
  const first = await example('quarterly-report.pdf')
  const second = Buffer.concat([first, Buffer.from('\n% corrected\n')])
  const changed = await client.upload(new Uint8Array(second), { assetId: report.id })
  must(changed.version === 2, 'it is version 2')
  tell(`version ${changed.version} is current; version 1 can still be read`)

  step('Read it back and compare hashes')
  const current = await bytesOf((await client.download(report.id)).stream)
  const before = await bytesOf((await client.download(report.id, { version: 1 })).stream)
  must(sha256(current) === changed.sha256 && current.equals(second), 'version 2 is what was sent')
  must(sha256(before) === report.sha256, 'version 1 is what was sent')
  tell(`version 2: ${current.length} bytes, version 1: ${before.length} bytes, both with the right hash`)

  step('Read it in two ranges and join them')
  const head = await client.download(report.id, { range: { start: 0, end: 9999 } })
  const tail = await client.download(report.id, { range: { start: 10_000 }, ifRange: head.etag ?? '' })
  const joined = Buffer.concat([await bytesOf(head.stream), await bytesOf(tail.stream)])
  must(tail.start === 10_000 && sha256(joined) === changed.sha256, 'the ranges join to the whole')
  tell(`0–9999 and 10000–${joined.length - 1} together have the right hash`)
}

async function shareByUrl(client: Client, report: Uploaded): Promise<void> {
  step('Make a signed URL that may be used twice')
  const { url, expiresAt } = await client.signedUrls.create({
    assetId: report.id,
    expiresInSeconds: 600,
    maxDownloads: 2,
  })
  tell(`it needs no login and works until ${expiresAt}`)
  const answers: string[] = []
  for (let use = 1; use <= 3; use++) {
    const response = await fetch(url)
    const body = await response.arrayBuffer()
    answers.push(response.ok ? '200' : `${response.status} ${JSON.parse(Buffer.from(body).toString()).code}`)
  }
  must(answers.join() === '200,200,403 signedUrl.usedUp', 'it works twice and no more')
  tell(`three uses: ${answers.join(', ')}`)
}

async function understand(client: Client, assets: readonly Uploaded[]): Promise<void> {
  step('See what was understood of the files')
  const [report, , budget, photo] = assets as [Uploaded, Uploaded, Uploaded, Uploaded]
  for (const asset of assets) await understood(client, asset)
  const text = await client.assets.text({ assetId: report.id, version: 1 })
  const opening = text.items[0]?.text.split('\n')[0] ?? ''
  must(opening.includes('Brannock'), 'the text of the PDF was read')
  tell(`${report.name}: ${text.chars} characters on ${text.items.at(-1)?.page} pages, beginning “${opening}”`)
  const { sheets, items } = await client.assets.rows({ assetId: budget.id })
  must(items.length > 0, 'the rows of the workbook were read')
  tell(`${budget.name}: ${sheets.map(({ name, rowCount }) => `${name} (${rowCount} rows)`).join(', ')}`)
  const { extracted, more } = await client.assets.metadata({ assetId: photo.id })
  must(
    Object.keys(more).some((name) => name.toLowerCase().includes('gps')),
    'the photo knows where it was taken',
  )
  const { stream, mediaType } = await client.download(photo.id, { variant: { name: 'thumbnail' } })
  const thumbnail = await bytesOf(stream)
  must(!thumbnail.includes('Exif'), 'its thumbnail does not')
  tell(
    `${photo.name}: ${extracted.width} × ${extracted.height}; its thumbnail (${mediaType}, ${thumbnail.length} bytes) does not say where it was taken`,
  )
}

/** Waits until the pipeline is through with an asset. */
async function understood(client: Client, { id, name }: Uploaded): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const { processingState } = await client.assets.get({ assetId: id })
    if (processingState === 'ready') return
    must(processingState !== 'failed' && Date.now() < deadline, `${name} is read within a minute`)
    await wait(100)
  }
}

async function isolate(platform: Client, server: Server, report: Uploaded): Promise<void> {
  step('A second organization sees nothing of it')
  const other = await platform.organizations.create({ name: 'Acme', slug: 'acme' })
  const { secret } = await platform.apiKeys.create({ name: 'demo', role: 'admin', organizationId: other.id })
  const stranger = createClient({ url: server.url, key: secret })
  must((await stranger.assets.list()).items.length === 0, 'its list is empty')
  tell('its list is empty')
  await refused('asset.notFound', () => stranger.assets.get({ assetId: report.id }))
  await refused('asset.notFound', () => stranger.download(report.id))
}

async function remove(client: Client, notes: Uploaded): Promise<void> {
  step('Trash, restore, purge')
  await client.assets.delete({ assetId: notes.id })
  const trashed = await client.assets.get({ assetId: notes.id })
  must(trashed.state === 'trashed', 'it is in the trash')
  tell(`in the trash; it would be purged after ${trashed.purgeAfter}`)
  const restored = await client.assets.restore({ assetId: notes.id })
  must(restored.state === 'active', 'it is back')
  const back = await bytesOf((await client.download(notes.id)).stream)
  must(sha256(back) === notes.sha256, 'its bytes are the same')
  tell('restored, with the same bytes')
  await client.assets.delete({ assetId: notes.id, purge: true })
  tell('purged for good')
  await refused('asset.notFound', () => client.assets.get({ assetId: notes.id }))
}

/** A memory that lasts as long as this program; a page has its own, and `stowage put` keeps one on disk. */
function createMemory(): UploadMemory {
  const kept = new Map<string, KeptUpload>()
  return {
    find: async (key) => kept.get(key),
    keep: async (key, upload) => void kept.set(key, upload),
    forget: async (key) => void kept.delete(key),
  }
}

async function resume(client: Client): Promise<void> {
  step('Send a large file in parts, stop half-way, and go on')
  const lines = Array.from({ length: 500_000 }, (_, index) => `${index},${index * 17},${sha256(Buffer.from([index]))}`)
  const file = new File([lines.join('\n')], 'measurements.csv', { type: 'text/csv' })
  const memory = createMemory()
  const begun = client.upload(file, {
    memory,
    parallel: 1,
    onProgress: ({ transferredBytes }) => {
      if (transferredBytes > file.size / 2) void begun.pause()
    },
  })
  const stopped = await begun.then(
    () => false,
    () => true,
  )
  must(stopped, 'it was stopped')
  let arrived = 0
  const asset = await client.upload(file, {
    memory,
    onStart: (start) => {
      arrived = start.arrivedBytes
    },
  })
  must(arrived > 0 && asset.sizeBytes === file.size, 'it went on from where it was')
  tell(`${arrived} of ${file.size} bytes had arrived and were not sent again`)
}

async function deduplicate(client: Client): Promise<void> {
  step('Upload a file that is already there, under another name')
  const before = await client.usage.get({ exact: true })
  const again = await client.upload(await example('site-visit.jpg'), { name: 'copy-of-the-visit.jpg' })
  const after = await client.usage.get({ exact: true })
  must(after.bytes - before.bytes === again.sizeBytes, 'it counts')
  must(after.storedBytes === before.storedBytes, 'its bytes are stored once')
  tell(`${after.bytes} bytes in ${after.files} files, ${after.storedBytes} bytes stored`)
}

async function checkTrail(client: Client): Promise<void> {
  step('Check the audit trail')
  const { items } = await client.auditEvents.list({ outcome: 'refused' })
  const chain = await client.auditEvents.verify()
  must(chain.intact, 'the chain is intact')
  must(
    items.some((event) => event.problem === 'upload.typeMismatch'),
    'the refusal stands in it',
  )
  tell(
    `intact: ${chain.events} sealed events and ${chain.unsealed} that wait for the next seal; it knows the refusals too`,
  )
}

/** With the server stopped, so that the data folder is free. */
async function checkBytes(data: string): Promise<void> {
  step('Stop the server and check every byte it keeps')
  const fsck = spawn(process.execPath, [MAIN, 'fsck'], { env: settingsFor(data), stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(fsck, 'exit')
  const chunks: Buffer[] = []
  for await (const chunk of fsck.stdout) chunks.push(chunk as Buffer)
  const [exitCode] = await exited
  must(exitCode === 0, 'nothing is missing, damaged or stray')
  const report = JSON.parse(Buffer.concat(chunks).toString()) as { versions: number; copies: number }
  tell(`${report.versions} versions in ${report.copies} copies: nothing is missing, damaged or stray`)
}

async function walk(server: Server): Promise<void> {
  const platform = createClient({ url: server.url, key: PLATFORM_KEY })
  const assets = await uploadAll(platform)
  const report = assets[0] as Uploaded
  await understand(platform, assets)
  await changeAndRead(platform, report)
  await shareByUrl(platform, report)
  await isolate(platform, server, report)
  await remove(platform, assets.at(-1) as Uploaded)
  await deduplicate(platform)
  await resume(platform)
  await checkTrail(platform)
}

async function main(): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'stowage-demo-'))
  let server: Server | undefined
  const cleanUp = async () => {
    if (server) await stopServer(server)
    await rm(data, { recursive: true, force: true })
  }
  process.once('SIGINT', () => void cleanUp().then(() => process.exit(130)))
  try {
    console.log('Starting a server in a temporary folder …')
    server = await startServer(data)
    tell(`it serves ${server.url}`)
    await walk(server)
    await stopServer(server)
    await checkBytes(data)
    console.log('\nAll of it held. The temporary folder is removed.')
  } finally {
    await cleanUp()
  }
}

await main()

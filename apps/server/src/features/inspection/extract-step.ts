import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Db } from '../../platform/database/connect.ts'
import {
  type Grant,
  RemoteError,
  type Sandbox,
  SandboxError,
  type SandboxLimits,
} from '../../platform/sandbox/sandbox.ts'
import type { ExtractionLimits, Facts, Piece, Source } from '../../providers/extractors/port.ts'
import { openCopy, type Uploads } from '../uploads/room.ts'
import { categoryOf } from './categories.rules.ts'
import { findSensitive } from './findings.rules.ts'
import { NotNow, type StepWork } from './pipeline.ts'
import { type Columns, learnColumns } from './sheet.rules.ts'
import { type Claim, findInspected, type Inspected } from './steps.sql.ts'
import * as rows from './understanding.sql.ts'

const MIB = 1024 * 1024

/** What a file may be to be read at all. */
const MAX_SOURCE_BYTES = 512 * MIB
const LIMITS: ExtractionLimits = {
  textChars: 5_000_000,
  cells: 2_000_000,
  unpackedBytes: 1024 * MIB,
  depth: 200,
  pages: 5000,
  entries: 20_000,
}
const CHILD_LIMITS: SandboxLimits = { wallSeconds: 60, cpuSeconds: 60, memoryBytes: 800 * MIB, outputBytes: 64 * MIB }
/** What the two files in a job's folder are called. */
const [SOURCE, SPOOL] = ['source', 'pieces']
const TEXTS_AT_ONCE = 50
const MAX_FINDINGS = 500
/** What a document is shows at its beginning. */
const OPENING_CHARS = 20_000

/** How files are read: by whom, and in what. */
export interface Extraction {
  /** Made when there is something to read. */
  sandbox: () => Promise<Sandbox>
  /** The module that reads a file in a child process. */
  child: string
  readerOf: (mediaType: string) => Reader | undefined
}

interface Reader {
  id: string
  version: number
  /** What its child process must be allowed. */
  grants?: readonly Grant[]
}

interface ExtractJob {
  source: Source
  limits: ExtractionLimits
}

/** Reads what a version says, in a process that may not survive it, and keeps what was read until something stopped it. */
export function extractStep(uploads: Uploads, extraction: Extraction): StepWork {
  return async (claim, signal, end) => {
    const found = await uploads.platform.inTenant(claim.tenant_id, (db) => findInspected(db, claim))
    if (!found) return end({ state: 'skipped', reason: 'the version is no more' })
    const reader = extraction.readerOf(found.media_type)
    const unread = whyNot(found, reader)
    if (!reader || unread !== undefined) return end({ state: 'skipped', reason: unread ?? null })
    // The folder outlives the reading: what was read is written from it in the transaction that ends the step.
    const sandbox = await extraction.sandbox()
    return sandbox.withFolder(async (folder) => {
      const cutShort = await read(
        uploads,
        { sandbox, child: extraction.child, grants: reader.grants },
        { claim, found, folder, signal },
      )
      const about = { found, extractor: reader.id, version: reader.version, cutShort }
      return end({ state: 'done', reason: cutShort, apply: (db) => writeDown(db, claim, join(folder, SPOOL), about) })
    })
  }
}

function whyNot(found: Inspected, reader: unknown): string | undefined {
  if (!reader) return `nothing here reads ${found.media_type}`
  if (found.scan === 'infected') return 'it is infected'
  if (found.size_bytes > MAX_SOURCE_BYTES) return 'it is too large to be read'
  return undefined
}

interface Means {
  sandbox: Sandbox
  child: string
  grants: Reader['grants']
}

interface Reading {
  claim: Claim
  found: Inspected
  folder: string
  signal: AbortSignal
}

/** @returns why not everything was read, or null */
async function read(uploads: Uploads, { sandbox, child, grants }: Means, reading: Reading): Promise<string | null> {
  const { claim, found, folder, signal } = reading
  if (!found.copy) throw new NotNow('no copy of the bytes can be read')
  const file = createWriteStream(join(folder, SOURCE), { mode: 0o600 })
  await pipeline(await openCopy(uploads, claim.tenant_id, found.copy, { signal }), file)
  const output = createWriteStream(join(folder, SPOOL), { mode: 0o600 })
  const source = {
    path: SOURCE,
    sizeBytes: found.size_bytes,
    mediaType: found.media_type,
    name: found.name,
    ...(found.charset !== null && { charset: found.charset }),
  }
  try {
    const take = (piece: Piece) => writeLine(output, piece)
    await sandbox.run<ExtractJob, Piece>(
      child,
      { source, limits: LIMITS },
      { folder, limits: CHILD_LIMITS, signal, take, ...(grants && { grants }) },
    )
    return null
  } catch (error) {
    const reason = stoppedBy(error)
    if (reason === undefined) throw error
    return reason
  } finally {
    await new Promise((resolve) => output.end(resolve))
  }
}

/** What a file is to blame for is a result; everything else is tried again. */
function stoppedBy(error: unknown): string | undefined {
  if (error instanceof RemoteError && error.name === 'ExtractionError')
    return `${error.fields['kind']}: ${error.message}`
  if (error instanceof SandboxError && error.kind === 'unavailable') throw new NotNow(error.message, { cause: error })
  if (error instanceof SandboxError && error.kind !== 'aborted') return `${error.kind}: ${error.message}`
  return undefined
}

/** Node's readline takes these for ends of lines, too; JSON may say them as they are. */
const LINE_ENDS = /[\u2028\u2029]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16)}`

async function writeLine(output: Writable, piece: Piece): Promise<void> {
  const line = JSON.stringify(piece, (_, value) => (typeof value === 'string' ? storable(value) : value))
  if (output.write(`${line.replaceAll(LINE_ENDS, escaped)}\n`)) return
  await new Promise((resolve) => output.once('drain', resolve))
}

interface Read {
  found: Inspected
  extractor: string
  version: number
  cutShort: string | null
}

async function writeDown(db: Db, claim: Claim, spool: string, read: Read): Promise<void> {
  const { tenant_id, asset_id, n } = claim
  const of = { tenant_id, asset_id, n }
  await rows.forgetUnderstanding(db, of)
  const texts = textWriter(db, of)
  const sheets = new Map<number, Sheet>()
  const attachments: object[] = []
  let facts: Facts = {}
  for await (const piece of piecesOf(spool)) {
    if (piece.kind === 'text') await texts.add(piece)
    else if (piece.kind === 'facts') facts = { ...facts, ...piece.facts, more: { ...facts.more, ...piece.facts.more } }
    else if (piece.kind === 'attachment') attachments.push(attachmentOf(piece))
    else if (piece.kind === 'sheet') sheets.set(piece.index, { ...piece, columns: learnColumns() })
    else {
      sheets.get(piece.sheet)?.columns.add(piece.rows)
      await rows.insertRows(db, of, piece.sheet, piece.first, piece.rows)
    }
  }
  const { chars, findings, opening } = await texts.end()
  await rows.insertFindings(db, of, findings)
  for (const [sheet, { name, hidden = false, columns }] of sheets)
    await rows.insertSheet(db, of, { sheet, name, hidden, row_count: columns.rowCount(), columns: columns.found() })
  await rows.insertFacts(db, of, {
    extractor: read.extractor,
    extractor_version: read.version,
    text_chars: chars,
    cut_short: read.cutShort,
    facts,
    attachments,
    category: categorised(read.found, opening, facts),
  })
}

function categorised({ name, media_type: mediaType }: Inspected, text: string, { pageCount }: Facts) {
  return categoryOf({ name, mediaType, text, ...(pageCount !== undefined && { pageCount }) })
}

type Sheet = Pick<Extract<Piece, { kind: 'sheet' }>, 'name' | 'hidden'> & { columns: Columns }

function attachmentOf({ name, mediaType, sizeBytes }: Extract<Piece, { kind: 'attachment' }>) {
  return { name, mediaType, sizeBytes }
}

/** Writes the parts of a text a few dozen at a time, and looks for what is sensitive in each. */
function textWriter(db: Db, of: Pick<Claim, 'tenant_id' | 'asset_id' | 'n'>) {
  let waiting: rows.NewText[] = []
  const findings: rows.NewFinding[] = []
  let [part, chars, opening] = [0, 0, '']
  const write = async () => {
    await rows.insertTexts(db, of, waiting)
    waiting = []
  }
  return {
    async add({ text, place }: Extract<Piece, { kind: 'text' }>): Promise<void> {
      const { page = null, label = null, fromMs: from_ms = null, toMs: to_ms = null } = place
      for (const found of findSensitive(text, MAX_FINDINGS - findings.length))
        findings.push({ ...found, number: findings.length, part, page })
      waiting.push({ part, page, label, from_ms, to_ms, text })
      if (opening.length < OPENING_CHARS) opening += text.slice(0, OPENING_CHARS)
      part += 1
      chars += text.length
      if (waiting.length >= TEXTS_AT_ONCE) await write()
    },
    async end() {
      await write()
      return { chars, findings, opening }
    },
  }
}

async function* piecesOf(spool: string): AsyncGenerator<Piece> {
  for await (const line of createInterface({ input: createReadStream(spool), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as Piece
  }
}

/** PostgreSQL: a text holds every character but U+0000; half a pair of surrogates is none. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}

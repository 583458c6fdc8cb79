import { join } from 'node:path'
import type { Facts, Piece, Source } from '../../providers/extractors/port.ts'
import type { Converter } from '../../providers/previewers/port.ts'
import type { Uploads } from '../uploads/room.ts'
import { asOfOriginal, convert } from './conversion.ts'
import {
  CHILD_LIMITS,
  type Desk,
  type Extraction,
  type ExtractJob,
  joinFacts,
  LIMITS,
  MAX_SOURCE_BYTES,
  type Reader,
  stoppedBy,
} from './extraction.ts'
import { fetchSource } from './fetching.ts'
import { createRecognition, type Recognise } from './ocr.ts'
import type { StepWork } from './pipeline.ts'
import { createSpool, inPageOrder, readSpool, type TextPiece } from './spool.ts'
import { findInspected, type Inspected } from './steps.sql.ts'
import { writeDown } from './write-down.ts'

/** What was read of the file, in its folder. */
const SPOOL = 'pieces'

/** Reads what a version says, in a process that may not survive it, and keeps what was read until something stopped it. */
export function extractStep(uploads: Uploads, extraction: Extraction): StepWork {
  const recognise = createRecognition(extraction)
  return async (claim, signal, end) => {
    const found = await uploads.platform.inTenant(claim.tenant_id, (db) => findInspected(db, claim))
    if (!found) return end({ state: 'skipped', reason: 'the version is no more' })
    const reader = extraction.readerOf(found.media_type)
    const converter = reader?.needs === undefined ? undefined : extraction.converterOf(found.media_type)
    const unread = whyNot(found, reader, converter, extraction)
    if (!reader || unread !== undefined) return end({ state: 'skipped', reason: unread ?? null })
    // The folder outlives the reading: what was read is written from it in the transaction that ends the step.
    const sandbox = await extraction.sandbox()
    return sandbox.withFolder(async (folder) => {
      const desk = { sandbox, folder, signal, child: extraction.child }
      const source = await fetchSource(uploads, claim, found, desk)
      const { texts, cutShort } = await readAll(desk, source, { reader, converter, recognise })
      const about = { extractor: reader.id, version: reader.version, cutShort }
      const pieces = () => inPageOrder(readSpool(join(folder, SPOOL)), texts)
      return end({ state: 'done', reason: cutShort, apply: (db) => writeDown(db, claim, pieces(), about) })
    })
  }
}

function whyNot(
  found: Inspected,
  reader: Reader | undefined,
  converter: Converter | undefined,
  { findProgram }: Extraction,
): string | undefined {
  if (!reader) return `nothing here reads ${found.media_type}`
  if (found.scan === 'infected') return 'it is infected'
  if (found.size_bytes > MAX_SOURCE_BYTES) return 'it is too large to be read'
  if (reader.needs !== undefined && (!converter || findProgram(converter.program) === undefined))
    return `${reader.needs} is needed to read ${found.media_type}`
  return undefined
}

interface Means {
  reader: Reader
  converter: Converter | undefined
  recognise: Recognise
}

interface Read {
  /** What was recognised in pictures; all else lies in the spool. */
  texts: TextPiece[]
  /** Why not everything was read. */
  cutShort: string | null
}

async function readAll(desk: Desk, source: Source, { reader, converter, recognise }: Means): Promise<Read> {
  const spool = createSpool(join(desk.folder, SPOOL))
  const reasons: string[] = []
  let facts: Facts = {}
  const take = async (piece: Piece) => {
    if (piece.kind === 'facts') facts = joinFacts(facts, piece.facts)
    await spool.write(piece)
  }
  try {
    await orReason(reasons, async () => {
      await read(desk, source, reader.grants, take)
      if (!converter) return
      const made = await convert(desk, converter, source)
      await read(desk, made, undefined, (piece) => spool.write(asOfOriginal(piece)))
    })
    const recognised = await recognise(desk, source, reader.picturesIn?.(facts) ?? [], reader.grants)
    await spool.write({ kind: 'facts', facts: recognised.facts })
    reasons.push(...recognised.cutShort)
    return { texts: recognised.texts, cutShort: reasons.length === 0 ? null : reasons.join('; ') }
  } finally {
    await spool.end()
  }
}

async function orReason(reasons: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const reason = stoppedBy(error)
    if (reason === undefined) throw error
    reasons.push(reason)
  }
}

async function read(
  { sandbox, child, folder, signal }: Desk,
  source: Source,
  grants: Reader['grants'],
  take: (piece: Piece) => Promise<void>,
): Promise<void> {
  await sandbox.run<ExtractJob, Piece>(
    child,
    { source, limits: LIMITS },
    { folder, limits: CHILD_LIMITS, signal, take, ...(grants && { grants }) },
  )
}

import type { Db } from '../../platform/database/connect.ts'
import type { Facts, Piece } from '../../providers/extractors/port.ts'
import { categoryOf } from './categories.rules.ts'
import { joinFacts } from './extraction.ts'
import { findSensitive } from './findings.rules.ts'
import { findSecrets } from './secrets.ts'
import { type Columns, learnColumns } from './sheet.rules.ts'
import type { TextPiece } from './spool.ts'
import type { Claim, Inspected } from './steps.sql.ts'
import * as rows from './understanding.sql.ts'

const TEXTS_AT_ONCE = 50
const MAX_FINDINGS = 500
/** What a document is shows at its beginning. */
const OPENING_CHARS = 20_000

export interface WrittenDown {
  found: Inspected
  extractor: string
  version: number
  cutShort: string | null
}

/** Replaces what is known of a version by what was read now. */
export async function writeDown(
  db: Db,
  { tenant_id, asset_id, n }: Claim,
  pieces: AsyncIterable<Piece>,
  read: WrittenDown,
): Promise<void> {
  const of = { tenant_id, asset_id, n }
  await rows.forgetUnderstanding(db, of)
  const texts = textWriter(db, of)
  const sheets = new Map<number, Sheet>()
  const attachments: object[] = []
  let facts: Facts = {}
  for await (const piece of pieces) {
    if (piece.kind === 'text') await texts.add(piece)
    else if (piece.kind === 'facts') facts = joinFacts(facts, piece.facts)
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
    async add({ text, place }: TextPiece): Promise<void> {
      const { page = null, label = null, fromMs: from_ms = null, toMs: to_ms = null } = place
      const room = MAX_FINDINGS - findings.length
      for (const found of findSensitive(text, room, await findSecrets(text, room)))
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

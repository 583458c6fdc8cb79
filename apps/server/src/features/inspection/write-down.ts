import type { Db } from '../../platform/database/connect.ts'
import type { Facts, Piece } from '../../providers/extractors/port.ts'
import { joinFacts } from './extraction.ts'
import { type Columns, learnColumns } from './sheet.rules.ts'
import type { TextPiece } from './spool.ts'
import { askStep, type Claim, type VersionId } from './steps.sql.ts'
import * as rows from './understanding.sql.ts'

const TEXTS_AT_ONCE = 50

export interface WrittenDown {
  extractor: string
  version: number
  cutShort: string | null
}

/** Replaces what is known of a version by what was read now, and asks what that means. */
export async function writeDown(
  db: Db,
  { tenant_id, asset_id, n, priority }: Claim,
  pieces: AsyncIterable<Piece>,
  read: WrittenDown,
): Promise<void> {
  const of = { tenant_id, asset_id, n }
  // Steps are locked before what they write, and in their order (R11): the end of `classify` does so, too.
  await askStep(db, { ...of, name: 'classify' }, priority)
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
  const chars = await texts.end()
  for (const [sheet, { name, hidden = false, columns }] of sheets)
    await rows.insertSheet(db, of, { sheet, name, hidden, row_count: columns.rowCount(), columns: columns.found() })
  await rows.insertFacts(db, of, {
    extractor: read.extractor,
    extractor_version: read.version,
    text_chars: chars,
    cut_short: read.cutShort,
    facts,
    attachments,
  })
}

type Sheet = Pick<Extract<Piece, { kind: 'sheet' }>, 'name' | 'hidden'> & { columns: Columns }

function attachmentOf({ name, mediaType, sizeBytes }: Extract<Piece, { kind: 'attachment' }>) {
  return { name, mediaType, sizeBytes }
}

/** Writes the parts of a text a few dozen at a time. */
function textWriter(db: Db, of: VersionId) {
  let waiting: rows.NewText[] = []
  let [part, chars] = [0, 0]
  const write = async () => {
    await rows.insertTexts(db, of, waiting)
    waiting = []
  }
  return {
    async add({ text, place }: TextPiece): Promise<void> {
      const { page = null, label = null, fromMs: from_ms = null, toMs: to_ms = null } = place
      waiting.push({ part, page, label, from_ms, to_ms, text })
      part += 1
      chars += text.length
      if (waiting.length >= TEXTS_AT_ONCE) await write()
    },
    async end(): Promise<number> {
      await write()
      return chars
    },
  }
}

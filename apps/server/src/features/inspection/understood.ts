import type { Output } from '@stowage/contract'
import { Problem } from '../../domain/problem.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import type { Cell, Facts } from '../../providers/extractors/port.ts'
import { getAsset } from '../assets/room.ts'
import { refuseUnreadable } from '../delivery/room.ts'
import { getVersion } from '../versions/room.ts'
import type { Judgement } from './categories.rules.ts'
import { findSteps, type StepRow, type VersionId } from './steps.sql.ts'
import * as rows from './understanding.sql.ts'

/** How much text one answer holds, in characters, unless a single part is longer. */
const ANSWER_CHARS = 200_000

/** What was read in a version: its text, the rows of its sheets, and what it says of itself. */
export const understoodHandlers = {
  'assets.text': async (context, { assetId, version, cursor }) => {
    const of = await read(context, assetId, version)
    const question = { list: 'text', assetId, version: of.n }
    const from = (positionOf(context, question, cursor)?.[0] as number | undefined) ?? 0
    const facts = await rows.findFacts(context.db, of)
    const found = await rows.findTexts(context.db, of, from, ANSWER_CHARS)
    const page = pageOf(context, question, answered(found), found, shownText, ({ part }) => [part + 1])
    return { ...page, ...(await textProgressOf(context, of, facts)), chars: facts?.text_chars ?? 0 }
  },
  'assets.rows': async (context, { assetId, version, sheet, first, limit }) => {
    const of = await read(context, assetId, version)
    const sheets = await rows.findSheets(context.db, of)
    const facts = await rows.findFacts(context.db, of)
    const chosen = sheets.find((each) => each.sheet === sheet)
    if (!chosen && sheets.length > 0) throw new Problem('sheet.notFound', { sheets: sheets.length })
    const blocks = chosen ? await rows.findRows(context.db, of, { sheet, first, count: limit }) : []
    const all = blocks.flatMap((block) =>
      (block.rows as Cell[][]).map((cells, index) => ({ row: block.first + index, cells })),
    )
    return {
      sheets: sheets.map(shownSheet),
      sheet,
      items: all.filter(({ row }) => row >= first && row < first + limit),
      ...(await progressOf(context, of, facts)),
    }
  },
  'assets.metadata': async (context, { assetId, version }) => {
    const asset = await getAsset(context, assetId)
    const of = await read(context, assetId, version)
    const facts = await rows.findFacts(context.db, of)
    const { more = {}, ...said } = (facts?.facts ?? {}) as Facts
    return {
      extracted: said,
      more,
      // What the caller says wins, and is never overwritten (B8).
      effective: { ...said, ...callersWords(asset.metadata as Record<string, unknown>) },
      attachments: (facts?.attachments ?? []) as Output<'assets.metadata'>['attachments'],
      category: categoryShown(asset.category, facts),
      extractor: facts ? { id: facts.extractor, version: facts.extractor_version } : null,
      ...(await progressOf(context, of, facts)),
    }
  },
  'assets.findings': async (context, { assetId, version }) => {
    const of = await read(context, assetId, version)
    const found = await rows.findFindings(context.db, of)
    const facts = await rows.findFacts(context.db, of)
    return { items: found.map(shownFinding), ...(await findingsProgressOf(context, of, facts)) }
  },
} satisfies { [Name in `assets.${'text' | 'rows' | 'metadata' | 'findings'}`]: Handler<Name> }

/** A person's word wins. */
function categoryShown(said: string | null, facts: rows.FactsRow | undefined): Output<'assets.metadata'>['category'] {
  if (said !== null) return { name: said, confidence: 1, by: 'person', why: [] }
  if (!facts?.category) return null
  const { category: name, confidence, why } = facts.category as unknown as Judgement
  return { name, confidence, by: 'content', why }
}

async function read(context: Context, assetId: string, version: number | undefined) {
  const asset = await getAsset(context, assetId)
  const { n } = await getVersion(context, asset.id, version ?? asset.current_n)
  const of = { tenant_id: context.tenantId, asset_id: asset.id, n }
  // What its bytes may not say, what was read in them may not either.
  refuseUnreadable(await rows.findReadability(context.db, of))
  return of
}

/** How many of the parts an answer holds: all but one that begins beyond its end. */
function answered(found: readonly rows.TextRow[]): number {
  let chars = 0
  const beyond = found.findIndex(({ text }, index) => {
    const begins = chars
    chars += text.length
    return index > 0 && begins >= ANSWER_CHARS
  })
  return Math.min(rows.MAX_PARTS, beyond < 0 ? found.length : beyond)
}

type Progress = Pick<Output<'assets.text'>, 'state' | 'cutShort'>

/** Whether it has been read, is yet to be, or never will be, and why. */
async function progressOf({ db }: Context, of: VersionId, facts: rows.FactsRow | undefined): Promise<Progress> {
  if (facts) return { state: 'ready', cutShort: facts.cut_short }
  const step = (await findSteps(db, of)).find(({ name }) => name === 'extract')
  return step ? progressBy(step) : { state: 'none', cutShort: null }
}

/** The same of its text, which in a recording is what is said. */
async function textProgressOf(context: Context, of: VersionId, facts: rows.FactsRow | undefined): Promise<Progress> {
  const step = (await findSteps(context.db, of)).find(({ name }) => name === 'transcribe')
  return !step || step.state === 'done' ? progressOf(context, of, facts) : progressBy(step)
}

/** The same of what was found in its text. */
async function findingsProgressOf(
  context: Context,
  of: VersionId,
  facts: rows.FactsRow | undefined,
): Promise<Progress> {
  const step = (await findSteps(context.db, of)).find(({ name }) => name === 'classify')
  return !step || step.state === 'done' ? textProgressOf(context, of, facts) : progressBy(step)
}

function progressBy({ state, reason }: StepRow): Progress {
  const ahead = state === 'waiting' || state === 'running'
  return { state: ahead ? 'waiting' : state === 'dead' ? 'failed' : 'none', cutShort: reason }
}

const SAID = ['title', 'author', 'createdAt', 'modifiedAt', 'language'] as const

function callersWords(metadata: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    SAID.flatMap((name) => (typeof metadata[name] === 'string' ? [[name, metadata[name] as string]] : [])),
  )
}

function shownText(row: rows.TextRow): Output<'assets.text'>['items'][number] {
  const { part, page, label, from_ms: fromMs, to_ms: toMs, text } = row
  return { part, page, label, fromMs, toMs, text }
}

function shownFinding(row: rows.FindingRow): Output<'assets.findings'>['items'][number] {
  const { kind, detail, part, page, at, length, confidence, masked } = row
  return { kind: kind as 'iban', detail, part, page, at, length, confidence, masked }
}

function shownSheet(row: rows.SheetRow): Output<'assets.rows'>['sheets'][number] {
  const { sheet, name, hidden, row_count: rowCount } = row
  return { sheet, name, hidden, rowCount, columns: row.columns as Output<'assets.rows'>['sheets'][number]['columns'] }
}

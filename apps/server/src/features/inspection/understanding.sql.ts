import { type Selectable, sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type {
  VersionFactsTable,
  VersionFindingTable,
  VersionRowsTable,
  VersionSheetTable,
  VersionTextTable,
} from '../../platform/database/tables.ts'
import { isOf, type VersionId } from './steps.sql.ts'

/** All SQL of what was read in versions. */

export type FactsRow = Selectable<VersionFactsTable>
export type TextRow = Selectable<VersionTextTable>
export type SheetRow = Selectable<VersionSheetTable>
export type RowsRow = Selectable<VersionRowsTable>

/** How many parts one answer holds at most. */
export const MAX_PARTS = 1000

type Of = VersionId

const TABLES = ['version_facts', 'version_text', 'version_sheet', 'version_rows', 'version_finding'] as const

/** Forgets what was read before, so that reading again replaces it. */
export async function forgetUnderstanding(db: Db, of: Of): Promise<void> {
  for (const table of TABLES) {
    await db.deleteFrom(table).where(isOf(of)).execute()
  }
}

export type NewFacts = Pick<FactsRow, 'extractor' | 'extractor_version' | 'text_chars' | 'cut_short'> & {
  facts: object
  attachments: readonly object[]
}

export async function insertFacts(db: Db, of: Of, row: NewFacts): Promise<void> {
  const { facts, attachments, ...columns } = row
  const json = { facts, attachments }
  const texts = Object.fromEntries(Object.entries(json).map(([name, value]) => [name, JSON.stringify(value)]))
  await db
    .insertInto('version_facts')
    .values({ ...of, ...columns, ...(texts as Record<keyof typeof json, string>) })
    .execute()
}

export type NewText = Omit<TextRow, keyof Of>

export async function insertTexts(db: Db, of: Of, parts: readonly NewText[]): Promise<void> {
  if (parts.length === 0) return
  await db
    .insertInto('version_text')
    .values(parts.map((part) => ({ ...of, ...part })))
    .execute()
}

export async function insertSheet(db: Db, of: Of, sheet: Omit<SheetRow, keyof Of | 'columns'> & { columns: object }) {
  await db
    .insertInto('version_sheet')
    .values({ ...of, ...sheet, columns: JSON.stringify(sheet.columns) })
    .execute()
}

export async function insertRows(
  db: Db,
  of: Of,
  sheet: number,
  first: number,
  rows: readonly unknown[],
): Promise<void> {
  await db
    .insertInto('version_rows')
    .values({ ...of, sheet, first, rows: JSON.stringify(rows) })
    .execute()
}

export type FindingRow = Selectable<VersionFindingTable>
export type NewFinding = Omit<FindingRow, keyof Of>

/** False when the version was read again since: the category is not of what is there now. */
export async function setCategory(db: Db, of: Of, { created_at }: FactsRow, category: object): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('version_facts')
    .set({ category: JSON.stringify(category) })
    .where(isOf(of))
    .where('created_at', '=', created_at)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

export async function replaceFindings(db: Db, of: Of, findings: readonly NewFinding[]): Promise<void> {
  await db.deleteFrom('version_finding').where(isOf(of)).execute()
  if (findings.length === 0) return
  const { tenant_id, asset_id, n } = of
  await db
    .insertInto('version_finding')
    .values(findings.map((finding) => ({ tenant_id, asset_id, n, ...finding })))
    .execute()
}

export async function findFindings(db: Db, of: Of): Promise<FindingRow[]> {
  return db.selectFrom('version_finding').selectAll().where(isOf(of)).orderBy('number').execute()
}

export async function findFacts(db: Db, of: Of): Promise<FactsRow | undefined> {
  return db.selectFrom('version_facts').selectAll().where(isOf(of)).executeTakeFirst()
}

/**
 * Parts of the text in order, from one on, as many as hold so many characters and at least one; and one more, should
 * there be one.
 */
export async function findTexts(db: Db, of: Of, from: number, chars: number): Promise<TextRow[]> {
  const { rows } = await sql<TextRow>`
    select * from (
      select t.*, sum(length(text)) over (order by part rows between unbounded preceding and 2 preceding) as before
      from (select * from version_text where ${isOf(of)} and part >= ${from} order by part limit ${MAX_PARTS + 1}) t
    ) counted where before is null or before < ${chars} order by part`.execute(db)
  return rows
}

/** What decides whether a version may be read. */
export async function findReadability(db: Db, of: Of) {
  const { rows } = await sql<{ state: string; scan: string; scan_reason: string | null; readable_unscanned: string[] }>`
    select a.state, o.scan, o.scan_reason, org.readable_unscanned
    from version v
      join asset a on a.tenant_id = v.tenant_id and a.id = v.asset_id
      join object o on o.tenant_id = v.tenant_id and o.sha256 = v.sha256
      join organization org on org.tenant_id = v.tenant_id
    where ${isOf(of, 'v')}`.execute(db)
  return rows[0] as (typeof rows)[number]
}

export async function findSheets(db: Db, of: Of): Promise<SheetRow[]> {
  return db.selectFrom('version_sheet').selectAll().where(isOf(of)).orderBy('sheet').execute()
}

/** The blocks that hold some rows of a sheet. */
export async function findRows(
  db: Db,
  of: Of,
  place: { sheet: number; first: number; count: number },
): Promise<RowsRow[]> {
  const { rows } = await sql<RowsRow>`
    select * from version_rows
    where ${isOf(of)} and sheet = ${place.sheet}
      and first < ${place.first + place.count} and first + jsonb_array_length(rows) > ${place.first}
    order by first`.execute(db)
  return rows
}

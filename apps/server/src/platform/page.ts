import { type CursorPosition, decodeCursor, encodeCursor, queryFingerprint } from '../domain/cursor.ts'
import { Problem } from '../domain/problem.ts'
import type { Context } from './invoke.ts'

/** What a list asks, apart from the page size and the cursor itself: a cursor goes on with this question alone. */
type Question = Readonly<Record<string, unknown>> & { list: string }

/** A page of rows from a query that asked for one row more than the page holds. */
export function pageOf<Row, Item>(
  context: Context,
  question: Question,
  limit: number,
  rows: readonly Row[],
  show: (row: Row) => Item,
  position: (row: Row) => CursorPosition,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    items: shown.map(show),
    nextCursor: more ? encodeCursor(context.cursorKey, fingerprint(context, question), position(last)) : null,
  }
}

/**
 * Where a list goes on.
 *
 * @throws Problem `cursor.invalid` for a cursor of another query, organization or principal
 */
export function positionOf(
  context: Context,
  question: Question,
  cursor: string | undefined,
): CursorPosition | undefined {
  if (cursor === undefined) return undefined
  const position = decodeCursor(context.cursorKey, fingerprint(context, question), cursor)
  if (!position) throw new Problem('cursor.invalid')
  return position
}

/** For lists that are sorted by id alone. */
export function idAfter(context: Context, question: Question, cursor: string | undefined): string | undefined {
  return positionOf(context, question, cursor)?.[0] as string | undefined
}

function fingerprint(context: Context, question: Question): string {
  return queryFingerprint({ ...question, tenant: context.tenantId, principal: context.principal.id })
}

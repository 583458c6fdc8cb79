import { printable } from './printable.ts'
import { showSize, showTime } from './quantities.ts'

/** Values as people read them; what a field is called says what its value is. */

const NOTHING = '-'

/**
 * Items in aligned columns.
 *
 * @param columns names of fields, with dots for those inside others
 */
export function table(items: readonly object[], columns: readonly string[]): string {
  const rows = items.map((item) => columns.map((column) => show(column, valueAt(item, column))))
  const numeric = columns.map((column) => items.every((item) => isNumeric(valueAt(item, column))))
  const lines = [columns.map(heading), ...rows]
  const widths = columns.map((_column, index) => Math.max(...lines.map((line) => line[index]!.length)))
  return lines
    .map((line) =>
      line.map((cell, index) => (numeric[index] ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!))),
    )
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n')
}

/** One thing, a field to a line. */
export function card(value: object): string {
  const lines = flat(value)
  const width = Math.max(0, ...lines.map(([field]) => field.length))
  return lines.map(([field, text]) => `${field.padEnd(width)}  ${text}`).join('\n')
}

function flat(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([field, inner]): [string, string][] => {
    if (isRecord(inner)) return flat(inner, `${prefix}${field}.`)
    return [[prefix + heading(field).toLowerCase(), show(field, inner)]]
  })
}

function heading(field: string): string {
  const words = field
    .replace(/\.id$/, '')
    .split('.')
    .at(-1)!
    .replace(/(.)Bytes$/, '$1')
  return words.replaceAll(/([A-Z])/g, ' $1').toUpperCase()
}

function show(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return NOTHING
  if (typeof value === 'number' && /bytes$/i.test(field)) return showSize(value)
  if (typeof value === 'string' && /(^at|[a-z](At|After|Until))$/.test(field)) return showTime(value)
  if (Array.isArray(value)) return value.length ? value.map((inner) => show('', inner)).join(', ') : NOTHING
  return printable(typeof value === 'object' ? JSON.stringify(value) : String(value)).replaceAll('\n', '\ufffd')
}

function valueAt(item: object, column: string): unknown {
  return column.split('.').reduce<unknown>((value, field) => (isRecord(value) ? value[field] : undefined), item)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || value === null
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  commonProblems,
  fieldPlaces,
  getOperation,
  type Operation,
  type OperationName,
  operationNames,
  type ProblemCode,
  problems,
} from '@stowage/contract'
import { z } from 'zod'
import { settings } from '../apps/server/src/config.ts'
import type { Setting } from '../apps/server/src/platform/settings.ts'

/**
 * Writes the pages that are made from code: settings, problems and the API. With `--check` it writes nothing and fails
 * when the committed pages differ.
 */
const DOCS = join(import.meta.dirname, '../docs')

type Schema = Record<string, unknown>

/** Every generated page by its path below docs/. */
export function generatedPages(): Record<string, string> {
  return { 'configuration.md': settingsPage(), 'problems.md': problemsPage(), 'reference/api.md': apiPage() }
}

const NOTE = '<!-- Made by `node scripts/docs.ts`; change the code, not this page. -->'

function settingsPage(): string {
  const rows = Object.values(settings as Record<string, Setting>).map((row) => [
    code(row.env),
    defaultOf(row),
    `${row.doc}${row.secret ? ' Secret: never printed.' : ''}`,
  ])
  return page('Configuration', [
    'Every setting is an environment variable, read once at the start. A value that is not valid, or a `STOWAGE_` variable that does not exist, keeps the server from starting and is named.',
    table(['variable', 'default', 'what it does'], rows),
  ])
}

function defaultOf(row: Setting): string {
  const schema = z.toJSONSchema(row.schema, { io: 'input', unrepresentable: 'any' }) as Schema
  return schema['default'] === undefined ? '–' : code(String(schema['default']))
}

function problemsPage(): string {
  const codes = Object.keys(problems) as ProblemCode[]
  const groups = Map.groupBy(codes, (name) => name.split('.')[0] as string)
  const sections = [...groups].map(([group, ofGroup]) => {
    const rows = ofGroup.map((name) => {
      const { status, title, advice, members } = problems[name]
      const names = Object.keys(members.shape).map(code).join(', ')
      return [code(name), String(status), title, advice, names || '–']
    })
    return `## ${group}\n\n${table(['code', 'status', 'title', 'what to do', 'members'], rows)}`
  })
  return page('Problems', [
    'Every way the service may refuse. An answer is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` (what to do), `instance` (the request id), `code`, and the members of its row.',
    ...sections,
  ])
}

function apiPage(): string {
  const groups = Map.groupBy(operationNames(), (name) => name.split('.')[0] as string)
  const index = operationNames().map((name) => {
    const row = getOperation(name)
    return [`[${code(name)}](#${anchor(name)})`, code(`${row.method} ${row.path}`), row.summary]
  })
  const sections = [...groups].map(
    ([group, names]) => `## ${group}\n\n${names.map((name) => describeOperation(name)).join('\n\n')}`,
  )
  return page('API', [
    'Every operation. The same rows make the routes, `/openapi.json`, the client and the command line. Times are UTC with milliseconds; lists answer `{ items, nextCursor }`. A field that an operation does not know is refused.',
    `Any operation may also answer ${commonProblems.map(problemLink('..')).join(', ')}.`,
    table(['operation', 'request', 'what it does'], index),
    ...sections,
  ])
}

function describeOperation(name: OperationName): string {
  const row = getOperation(name)
  const facts = [
    `${row.summary}.`,
    `${code(`${row.method} ${row.path}`)} → ${row.status}. Needs ${code(row.action)}. ${audited(row)}${headers(row)}`,
    BODIES[row.bytes],
  ]
  const places = fieldPlaces(row)
  const fields = (['path', 'query', 'body'] as const).flatMap((place) =>
    places[place].map((field) => fieldRow(field, place, row.input.shape[field] as z.ZodType)),
  )
  const parts = [`### ${name}`, facts.filter(Boolean).join('\n')]
  if (fields.length > 0) parts.push(table(['field', 'in', 'type', 'needed', 'default', 'note'], fields))
  if (row.problems.length > 0) parts.push(`Problems: ${row.problems.map(problemLink('..')).join(', ')}.`)
  return parts.join('\n\n')
}

const BODIES = {
  none: '',
  in: 'The body is the file: a form with a part named `file` (fields as form fields before it), or the bytes as they are.',
  out: 'The answer is the bytes.',
} as const

function audited(row: Operation): string {
  if (row.audit === 'transaction') return 'Audited in the same transaction.'
  return row.audit === 'batched' ? 'Audited within a second.' : 'Not audited.'
}

function headers(row: Operation): string {
  const names = { idempotencyKey: '`Idempotency-Key`', ifMatch: '`If-Match`' }
  const taken = row.preconditions.map((each) => names[each])
  return taken.length > 0 ? ` Takes ${taken.join(' and ')}.` : ''
}

function fieldRow(field: string, place: string, schema: z.ZodType): string[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema
  const needed = place === 'path' || !z.safeParse(schema, undefined).success
  const fallback = json['default'] === undefined ? '–' : code(JSON.stringify(json['default']))
  return [code(field), place, typeOf(json), needed ? 'yes' : 'no', fallback, String(json['description'] ?? '–')]
}

/** A type in words short enough for a table cell. */
function typeOf(schema: Schema): string {
  const examples = schema['examples'] as string[] | undefined
  if (examples) return `id ${code(`${examples[0]?.split('_')[0]}_…`)}`
  if (schema['const'] !== undefined) return code(JSON.stringify(schema['const']))
  if (Array.isArray(schema['enum'])) return schema['enum'].map((word) => code(String(word))).join(' · ')
  if (Array.isArray(schema['anyOf'])) return [...new Set((schema['anyOf'] as Schema[]).map(typeOf))].join(' or ')
  if (schema['type'] === 'array') return `list of ${typeOf((schema['items'] ?? {}) as Schema)}`
  if (schema['format'] === 'date-time') return 'time'
  const bounds = boundsOf(schema)
  return `${String(schema['type'] ?? 'any')}${bounds && ` ${bounds}`}`
}

function boundsOf(schema: Schema): string {
  const shown = (value: unknown) => (Math.abs(Number(value)) >= Number.MAX_SAFE_INTEGER ? undefined : value)
  const low = shown(schema['minimum'] ?? schema['minLength'])
  const high = shown(schema['maximum'] ?? schema['maxLength'])
  if (low === undefined && high === undefined) return ''
  const characters = schema['type'] === 'string' ? ' characters' : ''
  if (high === undefined) return `≥ ${low}${characters}`
  return low === undefined ? `≤ ${high}${characters}` : `${low}–${high}${characters}`
}

function problemLink(up: string): (name: ProblemCode) => string {
  return (name) => `[${code(name)}](${up}/problems.md#${name.split('.')[0]?.toLowerCase()})`
}

/** The anchor that a heading gets on the common hosts. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function page(title: string, parts: readonly string[]): string {
  return `# ${title}\n\n${NOTE}\n\n${parts.join('\n\n')}\n`
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

function code(text: string): string {
  return `\`${text}\``
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const stale = Object.entries(generatedPages()).filter(([path, text]) => read(join(DOCS, path)) !== text)
  for (const [path, text] of stale) {
    if (process.argv.includes('--check')) {
      console.error(`docs/${path} does not fit the code. Run: node scripts/docs.ts`)
      process.exitCode = 1
      continue
    }
    mkdirSync(dirname(join(DOCS, path)), { recursive: true })
    writeFileSync(join(DOCS, path), text)
  }
}

import type { z } from 'zod'

/** One setting: the row from which configuration is read, checked and documented. Each room owns its own. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** The environment variable, which is also the name that errors use. */
  env: string
  /** What it does, in a sentence or two, for the generated table. */
  doc: string
  /** Reads the text; its default is the setting's default. */
  schema: Schema
  /** Never printed. */
  secret?: boolean
}

export type Settings = Record<string, Setting>
export type Values<Rows extends Settings> = { [Name in keyof Rows]: z.output<Rows[Name]['schema']> }

/** What the operator must correct before the server starts. */
export class SettingsError extends Error {
  constructor(lines: string[]) {
    super(`The configuration is not valid:\n${lines.map((line) => `  ${line}`).join('\n')}`)
    this.name = 'SettingsError'
  }
}

/** @throws SettingsError naming each member that is wrong, behind the `name` of what they are members of */
export function readMembers<Schema extends z.ZodType>(
  schema: Schema,
  members: unknown,
  name: string,
): z.output<Schema> {
  const read = schema.safeParse(members)
  if (read.success) return read.data
  throw new SettingsError(read.error.issues.map(({ path, message }) => `${name} ${path.join('.')}: ${message}`))
}

/**
 * Reads every setting from the environment, once.
 *
 * @throws SettingsError naming each variable that is wrong, and each `STOWAGE_` variable that nobody knows: a
 *   misspelt name would otherwise be a setting that silently does nothing.
 */
export function readSettings<Rows extends Settings>(
  rows: Rows,
  environment: Record<string, string | undefined>,
): Values<Rows> {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, row] of Object.entries(rows)) {
    const text = environment[row.env]
    const read = row.schema.safeParse(text === '' ? undefined : text)
    if (read.success) values[name] = read.data
    else
      faults.push(
        `${row.env}${row.secret || text === undefined ? '' : `=${text}`}: ${read.error.issues[0]?.message ?? 'not valid'}`,
      )
  }
  const known = new Set(Object.values(rows).map((row) => row.env))
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('STOWAGE_') || known.has(name) || name.startsWith('STOWAGE_TEST_')) continue
    faults.push(`${name}: there is no such setting${suggestion(name, known)}`)
  }
  if (faults.length > 0) throw new SettingsError(faults)
  return values as Values<Rows>
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  const near = [...known].find((other) => sharedWords(name, other) >= 2)
  return near ? `; did you mean ${near}?` : '; see docs/configuration.md'
}

function sharedWords(a: string, b: string): number {
  const words = new Set(a.split('_'))
  return b.split('_').filter((word) => words.has(word)).length
}

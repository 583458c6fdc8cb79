import type { ClientBase } from 'pg'

type Column = {
  table: string
  name: string
  type: string
  kind: 'base' | 'enum'
  labels: string[] | null
  nullable: boolean
  supplied: 'always' | 'default' | 'never'
}

/** How the pool hands over a value of each PostgreSQL type. */
const TYPES: Record<string, string> = {
  uuid: 'string',
  text: 'string',
  varchar: 'string',
  bpchar: 'string',
  name: 'string',
  inet: 'string',
  cidr: 'string',
  tsvector: 'string',
  numeric: 'string',
  date: 'string',
  time: 'string',
  int2: 'number',
  int4: 'number',
  int8: 'number',
  float4: 'number',
  float8: 'number',
  bool: 'boolean',
  timestamptz: 'Date',
  timestamp: 'Date',
  json: 'unknown',
  jsonb: 'unknown',
  bytea: 'Buffer',
}

/**
 * Writes the Kysely interfaces of the tables in schema `stowage`.
 *
 * @throws Error for a column type it does not know: a type in the program must be decided, not guessed
 */
export async function tableTypes(client: ClientBase): Promise<string> {
  const { rows } = await client.query<Column>(COLUMNS)
  const tables = Map.groupBy(rows, (column) => column.table)
  const names = [...tables.keys()].sort()
  const bodies = names.map((table) => interfaceOf(table, tables.get(table)!))
  const imports = ['Generated', 'GeneratedAlways'].filter((name) => bodies.some((body) => body.includes(`${name}<`)))
  return [
    '// Made by scripts/schema.ts from the migrations; do not edit.',
    ...(imports.length === 0 ? [] : [`import type { ${imports.join(', ')} } from 'kysely'`, '']),
    ...bodies,
    `export interface Database {\n${names.map((table) => `  ${key(table)}: ${interfaceName(table)}\n`).join('')}}\n`,
  ].join('\n')
}

function interfaceOf(table: string, columns: Column[]): string {
  const lines = columns.map((column) => `  ${key(column.name)}: ${typeOf(column)}\n`)
  return `export interface ${interfaceName(table)} {\n${lines.join('')}}\n`
}

function typeOf(column: Column): string {
  const element = column.type.replace(/^_/, '')
  const known = column.kind === 'enum' ? column.labels?.map((label) => `'${label}'`).join(' | ') : TYPES[element]
  if (known === undefined) throw new Error(`No type for ${column.table}.${column.name}: ${column.type}`)
  const value = column.type === element ? known : known.includes('|') ? `(${known})[]` : `${known}[]`
  const full = column.nullable && value !== 'unknown' ? `${value} | null` : value
  return { always: `GeneratedAlways<${full}>`, default: `Generated<${full}>`, never: full }[column.supplied]
}

function interfaceName(table: string): string {
  const words = table.split('_').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
  return `${words.join('')}Table`
}

function key(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `'${name}'`
}

/** Domains count as their base type, partitions as their table. */
const COLUMNS = `
  SELECT c.relname AS "table", a.attname AS name, b.typname AS type,
    CASE WHEN coalesce(e.typtype, b.typtype) = 'e' THEN 'enum' ELSE 'base' END AS kind,
    (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum
      WHERE enumtypid = coalesce(nullif(b.typelem, 0), b.oid)) AS labels,
    NOT (a.attnotnull OR t.typnotnull) AS nullable,
    CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 'always'
      WHEN a.atthasdef OR a.attidentity = 'd' OR t.typdefault IS NOT NULL THEN 'default' ELSE 'never' END AS supplied
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
  WHERE c.relnamespace = 'stowage'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  ORDER BY c.relname, a.attnum`

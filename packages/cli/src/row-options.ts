import { getOperation, type OperationName } from '@stowage/contract'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration, parseSize, parseTime } from './quantities.ts'

/** Options made from the fields of an operation, so that a new field of the contract appears by itself. */

export interface RowOptions {
  /** Fields that come from elsewhere. */
  without?: readonly string[]
  /** Option names that differ from the field's own. */
  names?: Readonly<Record<string, string>>
}

interface Schema {
  type?: string
  format?: string
  description?: string
  default?: unknown
  enum?: readonly string[]
  const?: string
  anyOf?: readonly Schema[]
  items?: Schema
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
}

/** One field that an option fills: where it goes in the input, and how. */
interface FieldOption {
  path: readonly string[]
  option: Option
}

/** @returns reads the input from the options that were given */
export function addRowOptions(
  command: Command,
  operation: OperationName,
  { without = [], names = {} }: RowOptions = {},
): () => Record<string, unknown> {
  const schema = getOperation(operation).input.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as Schema
  const fields = Object.entries(schema.properties ?? {})
    .filter(([field]) => !without.includes(field))
    .flatMap(([field, inner]) => fieldOptions([field], inner, names, schema.required?.includes(field) ?? false))
  for (const { option } of fields) command.addOption(option)
  return () => gather(fields, command.opts())
}

function gather(fields: readonly FieldOption[], given: Record<string, unknown>): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  for (const { path, option } of fields) {
    const value = given[option.attributeName()]
    if (value === undefined) continue
    const [field, inner] = path as [string, string | undefined]
    input[field] = inner === undefined ? value : { ...(input[field] as object), [inner]: value }
  }
  return input
}

function fieldOptions(
  path: readonly string[],
  schema: Schema,
  names: Readonly<Record<string, string>>,
  required: boolean,
): FieldOption[] {
  const field = path.at(-1)!
  if (schema.properties) {
    return Object.entries(schema.properties).flatMap(([inner, innerSchema]) =>
      fieldOptions([...path, inner], innerSchema, names, false),
    )
  }
  const kind = kindOf(field, schema)
  const name = names[field] ?? optionName(field, kind)
  const flags = kind.placeholder === undefined ? `--${name}` : `--${name} <${kind.placeholder}>`
  const mandatory = required && schema.default === undefined
  const option = new Option(flags, describe(schema, kind, mandatory))
  if (kind.choices) option.choices(kind.choices)
  if (kind.parse) option.argParser(kind.parse)
  if (mandatory) option.makeOptionMandatory()
  return [{ path, option }]
}

interface Kind {
  /** Undefined for an option that takes no value. */
  placeholder: string | undefined
  choices?: readonly string[]
  /** Said in place of the field's description, which speaks of what travels. */
  note?: string
  parse?: (text: string, before: unknown) => unknown
  repeated?: boolean
}

function kindOf(field: string, schema: Schema): Kind {
  const plain = schema.anyOf?.find((one) => one.type !== 'null') ?? schema
  if (plain.type === 'boolean') return { placeholder: undefined }
  if (plain.type === 'integer' || plain.type === 'number') return numberKind(field)
  if (plain.type === 'object') return { placeholder: 'key=value', parse: addPair, repeated: true }
  if (plain.type === 'array') return listOf(kindOf(field, plain.items ?? {}))
  if (plain.format === 'date-time') return timeKind
  return plain.enum ? { placeholder: field, choices: plain.enum } : { placeholder: 'text' }
}

const timeKind: Kind = {
  placeholder: 'time',
  note: 'a day or a time, such as 2026-11-21 or 2026-11-21T09:30; local unless it names a zone',
  parse: reader(parseTime, 'a day or a time'),
}

function numberKind(field: string): Kind {
  if (/Seconds$/.test(field))
    return { placeholder: 'duration', parse: reader(parseDuration, 'like 90s, 15m, 1h or 7d') }
  if (/Bytes$/.test(field)) return { placeholder: 'size', parse: reader(parseSize, 'like 500KiB, 10MiB or 2GiB') }
  return { placeholder: 'number', parse: reader(parseNumber, 'a number') }
}

function parseNumber(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined
}

function reader<T>(parse: (text: string) => T | undefined, expected: string): (text: string) => T {
  return (text) => {
    const value = parse(text)
    if (value === undefined) throw new InvalidArgumentError(`It must be ${expected}.`)
    return value
  }
}

function listOf({ choices }: Kind): Kind {
  const add = (text: string, before: unknown) => {
    if (choices && !choices.includes(text)) throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`)
    return [...((before as string[] | undefined) ?? []), text]
  }
  return { placeholder: 'text', parse: add, repeated: true, note: choices && `any of ${choices.join(', ')}` }
}

/** A value that reads as a number, true, false or null is one. */
function addPair(text: string, before: unknown): unknown {
  const match = /^([^=]+)=(.*)$/s.exec(text)
  if (!match) throw new InvalidArgumentError('It must be key=value.')
  const [, key, value] = match as unknown as [string, string, string]
  return {
    ...(before as object | undefined),
    [key]: /^(-?\d+(\.\d+)?|true|false|null)$/.test(value) ? JSON.parse(value) : value,
  }
}

function describe(schema: Schema, kind: Kind, mandatory: boolean): string {
  const notes = [mandatory ? 'required' : undefined, kind.note ?? schema.description]
  if (kind.repeated) notes.push('may be repeated')
  if (schema.default !== undefined && kind.placeholder !== undefined)
    notes.push(`default: ${shownDefault(schema, kind)}`)
  return notes.filter((note) => note !== undefined).join('; ')
}

function shownDefault(schema: Schema, kind: Kind): string {
  return kind.placeholder === 'duration' ? `${schema.default}s` : String(schema.default)
}

/** `expiresInSeconds` is `--expires`, `projectId` is `--project`, `tags` is `--tag`: units and plurals are in the value. */
function optionName(field: string, kind: Kind): string {
  const singular = kind.repeated && kind.placeholder === 'text' ? field.replace(/s$/, '') : field
  const bare = singular.replace(/(.)(InSeconds|Seconds|Bytes|Id)$/, '$1')
  return bare.replaceAll(/([A-Z])/g, '-$1').toLowerCase()
}

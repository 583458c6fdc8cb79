import {
  fieldPlaces,
  getOperation,
  type Input,
  type Operation,
  type OperationName,
  type Output,
  type Parsed,
} from '@stowage/contract'
import { type Connection, type Exchange, send } from './connection.ts'
import { unexpectedAnswer } from './error.ts'

/** Operations whose body or answer is not JSON: `upload` and `download` stand for those that a program needs. */
export const byteOperations = [
  'assets.create',
  'assets.content',
  'versions.create',
  'uploads.put',
  'uploads.post',
  'uploads.putPart',
  'resumable.create',
  'resumable.append',
  'storeEvents.create',
  'variants.content',
  'variants.attach',
] as const

/** Operations that take and give JSON. */
export type CallName = Exclude<OperationName, (typeof byteOperations)[number]>

/** A field that the service reads from text takes any value there; here it has the type that it becomes. */
export type Narrowed<Sent, Read> = {
  [Field in keyof Sent]: unknown extends Sent[Field] ? (Field extends keyof Read ? Read[Field] : never) : Sent[Field]
}
export type CallInput<Name extends OperationName> = Narrowed<Input<Name>, Parsed<Name>>

export interface CallOptions {
  signal?: AbortSignal
  /** Names this change, so that sending it again does not make it twice. By default a new one for each call. */
  idempotencyKey?: string
  /** ETag: refuse with `precondition.failed` if it has changed since. */
  ifMatch?: string
}

/** The input may be left out where no field must be given. */
export type CallArguments<Name extends OperationName> =
  Record<never, never> extends CallInput<Name>
    ? [input?: CallInput<Name>, options?: CallOptions]
    : [input: CallInput<Name>, options?: CallOptions]

export type GroupName = CallName extends infer Name ? (Name extends `${infer Group}.${string}` ? Group : never) : never

/** The operations as methods, grouped as their names are: `assets.list` is `client.assets.list`. */
export type Groups = {
  [Group in GroupName]: {
    [Name in CallName as Name extends `${Group}.${infer Verb}` ? Verb : never]: (
      ...args: CallArguments<Name>
    ) => Promise<Output<Name>>
  }
}

export async function callOperation<Name extends CallName>(
  connection: Connection,
  name: Name,
  input: CallInput<Name>,
  options: CallOptions,
): Promise<Output<Name>> {
  const row = getOperation(name)
  return send(connection, exchangeOf(row, input, options), readJson) as Promise<Output<Name>>
}

/** Like `callOperation`, for what has the same effect however often it is asked for, although its method does not say so. */
export async function callRepeatedly<Name extends CallName>(
  connection: Connection,
  name: Name,
  input: CallInput<Name>,
  options: CallOptions,
): Promise<Output<Name>> {
  const exchange = { ...exchangeOf(getOperation(name), input, options), repeatable: true }
  return send(connection, exchange, readJson) as Promise<Output<Name>>
}

/** The request of an operation: its fields put where the row says they travel. */
export function exchangeOf(row: Operation, input: Record<string, unknown>, options: CallOptions): Exchange {
  const { path, query, body } = placed(row, input)
  const hasBody = fieldPlaces(row).body.length > 0
  const headers = preconditions(row, options)
  return {
    method: row.method,
    path: query ? `${path}?${query}` : path,
    headers: hasBody ? { ...headers, 'Content-Type': 'application/json' } : headers,
    body: hasBody ? () => JSON.stringify(body) : undefined,
    repeatable: isRepeatable(row),
    signal: options.signal,
  }
}

/** RFC 9110 section 9.2.2 names the idempotent methods; a POST is made one by its Idempotency-Key. */
function isRepeatable(row: Operation): boolean {
  if (row.method === 'POST') return row.preconditions.includes('idempotencyKey')
  return row.method !== 'PATCH'
}

function preconditions(row: Operation, options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = {}
  if (row.preconditions.includes('idempotencyKey')) headers['Idempotency-Key'] = options.idempotencyKey ?? newKey()
  if (options.ifMatch !== undefined) headers['If-Match'] = options.ifMatch
  return headers
}

/** Not `randomUUID`, which browsers withhold from pages that came over plain HTTP. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function placed(row: Operation, input: Record<string, unknown>) {
  const places = fieldPlaces(row)
  const query = new URLSearchParams()
  const body: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(input)) {
    if (value === undefined || places.path.includes(field)) continue
    // A field the row does not know travels too: the service refuses it by name.
    if (places.query.includes(field) || places.body.length === 0) query.set(field, queryText(value))
    else body[field] = value
  }
  const path = row.path.replaceAll(/\{(\w+)\}/g, (_braces, field) => pathText(input, field))
  return { path, query: query.toString(), body }
}

function queryText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function pathText(input: Record<string, unknown>, field: string): string {
  const value = input[field]
  if (value === undefined || value === '') throw new TypeError(`${field} is missing`)
  return encodeURIComponent(String(value))
}

/** @throws StowageError `client.unexpectedAnswer` for a success that is not JSON */
export async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unexpectedAnswer(response, cause)
  }
}

import type { z } from 'zod'
import type { ProblemCode } from './problems.ts'

/** What a caller must be allowed to do. Also the names that an API key's scopes are made of. */
export const actions = [
  'organization.create',
  'organization.read',
  'organization.manage',
  'members.manage',
  'assetTypes.read',
  'assetTypes.manage',
  'keys.manage',
  'usage.read',
  'audit.read',
  'quarantine.manage',
  'stores.report',
  'assets.create',
  'assets.read',
  'assets.edit',
  'assets.share',
  'assets.delete',
] as const
export type Action = (typeof actions)[number]

export type Door = 'http' | 'cli' | 'mcp'
export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/**
 * One operation of the API: the only place that says where it lives, what it takes, who may ask and how it is
 * recorded. Routes, the OpenAPI document, the client's types and the command line are loops over these rows.
 */
export interface Operation<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodType = z.ZodType> {
  readonly method: Method
  readonly path: string
  readonly action: Action
  readonly summary: string
  /** One flat object. Fields named in `path` travel there; the rest in the query of GET and DELETE, else in the body. */
  readonly input: Input
  /** Fields that travel in the query although the method has a body. */
  readonly query: readonly string[]
  readonly output: Output
  readonly status: number
  readonly problems: readonly ProblemCode[]
  readonly doors: readonly Door[]
  readonly effect: 'read' | 'write'
  /** `transaction`: with the change. `batched`: durable within a second. `none`: not recorded. */
  readonly audit: 'transaction' | 'batched' | 'none'
  /** The ids an operation is about, for authorisation and the audit trail. */
  readonly subject: (input: z.output<Input>) => readonly string[]
  readonly preconditions: readonly ('idempotencyKey' | 'ifMatch')[]
  /** `in`: the body is a file. `out`: the answer is. Those routes are written by hand. */
  readonly bytes: 'in' | 'out' | 'none'
}

type Optional = 'query' | 'status' | 'problems' | 'doors' | 'effect' | 'audit' | 'subject' | 'preconditions' | 'bytes'
type Row<I extends z.ZodObject, O extends z.ZodType> = Omit<Operation<I, O>, Optional> &
  Partial<Pick<Operation<I, O>, Optional>>

/** Makes a row, filling in what most rows share: a GET reads, anything else changes something and is audited with it. */
export function operation<const I extends z.ZodObject, O extends z.ZodType>(row: Row<I, O>): Operation<I, O> {
  const effect = row.effect ?? (row.method === 'GET' ? 'read' : 'write')
  return {
    query: [],
    status: row.method === 'POST' ? 201 : row.method === 'DELETE' ? 204 : 200,
    problems: [],
    doors: ['http', 'cli'],
    audit: effect === 'write' ? 'transaction' : 'batched',
    subject: () => [],
    preconditions: [],
    bytes: 'none',
    ...row,
    effect,
  }
}

/** Where each input field of an operation travels over HTTP. */
export function fieldPlaces(row: Operation): { path: string[]; query: string[]; body: string[] } {
  const path = [...row.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string)
  const rest = Object.keys(row.input.shape).filter((field) => !path.includes(field))
  const bodyless = row.method === 'GET' || row.method === 'DELETE' || row.bytes === 'in'
  const query = rest.filter((field) => bodyless || row.query.includes(field))
  return { path, query, body: rest.filter((field) => !query.includes(field)) }
}

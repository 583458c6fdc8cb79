import type { Fields } from './errors.ts'

/** What the server tells a child. */
export type ToChild =
  | { kind: 'job'; entry: string; job: unknown; folder: string; outputBytes: number }
  /** The piece was taken, the next may come. */
  | { kind: 'taken' }

/** What a child says. */
export type FromChild =
  | { kind: 'ready' }
  | { kind: 'piece'; piece: unknown }
  /** The piece would be too long, and is not sent. */
  | { kind: 'overflow' }
  | { kind: 'done'; clean: boolean }
  | ({ kind: 'failed' } & Failure)

export interface Failure {
  name: string
  message: string
  fields: Fields
  /** Thrown on purpose by the module, and not a fault that may have left anything behind. */
  own: boolean
  outOfMemory: boolean
}

const MAX_TEXT_CHARS = 4096
const MAX_FIELDS = 32

/** A child may be in the hands of a hostile file: nothing of what it says is believed unseen. */
export function heard(said: unknown): FromChild | undefined {
  if (typeof said !== 'object' || said === null || !('kind' in said)) return undefined
  const message = said as Record<string, unknown>
  switch (said.kind) {
    case 'ready':
    case 'overflow':
      return { kind: said.kind }
    case 'piece':
      return { kind: 'piece', piece: message['piece'] }
    case 'done':
      return { kind: 'done', clean: message['clean'] === true }
    case 'failed':
      return {
        kind: 'failed',
        name: textOf(message['name']),
        message: textOf(message['message']),
        fields: plainFields(message['fields']),
        own: message['own'] === true,
        outOfMemory: message['outOfMemory'] === true,
      }
    default:
      return undefined
  }
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARS) : ''
}

/** An error's own enumerable fields that are plain values. */
export function plainFields(owner: unknown): Fields {
  if (typeof owner !== 'object' || owner === null) return {}
  const plain = Object.entries(owner).flatMap(([name, value]) => {
    if (name === 'name' || name === 'message') return []
    if (typeof value === 'string') return [[textOf(name), textOf(value)]]
    return value === null || typeof value === 'number' || typeof value === 'boolean' ? [[textOf(name), value]] : []
  })
  return Object.fromEntries(plain.slice(0, MAX_FIELDS))
}

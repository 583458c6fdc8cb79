import type { OperationName } from '@stowage/contract'
import type { Actor, Answer, Caller, Model } from './model.ts'

/** Turns the random numbers of one step into choices among what there is at that moment. */
export interface Chooser {
  pick<T>(from: readonly T[]): T
  /** True about once in so many times. */
  once(inTimes: number): boolean
  /** One of these ids, or now and then one that nobody has, or one that is no id at all. */
  id(prefix: string, from: Iterable<string>): string
}

/**
 * Fields of the operation's input, and how they are sent: `content` and `generated` say what an upload sends as its
 * body, `offset` and `sendsBytes` which piece of it; `tus` asks by that protocol what can be asked in two ways.
 */
export type Input = Record<string, unknown>

const SENDING = new Set(['content', 'generated', 'offset', 'sendsBytes', 'tus'])

/** What the operation is told, without how. */
export function fieldsOf(input: Input): Input {
  return Object.fromEntries(Object.entries(input).filter(([field]) => !SENDING.has(field)))
}

/** What the model foretells: the kind of answer, what it shows, and what is different afterwards. */
export interface Expected {
  answer: Answer
  /** What to read from the body of an allowed answer, and what that must be. */
  shows?: (body: Body) => { got: unknown; wanted: unknown }
  after?: (body: Body) => void
  /** Whether the trail holds no entry of the request itself. */
  isSilent?: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: each command reads the fields that its own operation answers
export type Body = any

export interface Command {
  input(chooser: Chooser, model: Model, caller: Caller): Input
  /** Asked only when the caller is recognised and may try the action. */
  expect(model: Model, actor: Actor, input: Input): Expected
  /** A list whose pages are read to their end; their items are put together in one body. */
  paged?: boolean
}

export type Commands = Partial<Record<OperationName, Command>>

export const refused = (answer: Answer): Expected => ({ answer })
export const allowed = (more: Omit<Expected, 'answer'> = {}): Expected => ({ answer: 'allowed', ...more })

/** An id of the right form that belongs to nothing. */
export function ghost(prefix: string): string {
  return `${prefix}_01jd8e2x5kf6g9h0a1b2c3d4e5`
}

export function createChooser(numbers: readonly number[]): Chooser {
  let used = 0
  const next = () => numbers[used++ % numbers.length] as number
  const pick = <T>(from: readonly T[]): T => from[next() % from.length] as T
  const once = (inTimes: number) => next() % inTimes === 0
  return {
    pick,
    once,
    id(prefix, from) {
      if (once(12)) return ghost(prefix)
      if (once(40)) return `${prefix}_nothing`
      const ids = [...from]
      return ids.length === 0 ? ghost(prefix) : pick(ids)
    },
  }
}

/** The ids of all things, or, mostly, of those where the caller is at home: there much is allowed as well. */
export function near(
  chooser: Chooser,
  model: Model,
  caller: Caller,
  all: Map<string, { id: string; organizationId?: string | null }>,
): string[] {
  const home = homeOf(model, caller)
  const things = [...all.values()]
  const there = things.filter(({ id, organizationId }) => (organizationId ?? id) === home)
  return (there.length > 0 && !chooser.once(3) ? there : things).map(({ id }) => id)
}

function homeOf(model: Model, caller: Caller): string | null | undefined {
  if (caller.kind === 'token') return caller.organizationId
  if (caller.kind !== 'key') return undefined
  const named = [...model.organizations.values()].find(({ slug }) => slug === caller.organization)
  return model.keys.get(caller.keyId)?.organizationId ?? named?.id
}

/** For lists: these ids and no others, in whatever order. */
export function sameIds(wanted: Iterable<{ id: string }>): NonNullable<Expected['shows']> {
  return (body: { items: { id: string }[] }) => ({
    got: body.items.map(({ id }) => id).sort(),
    wanted: [...wanted].map(({ id }) => id).sort(),
  })
}

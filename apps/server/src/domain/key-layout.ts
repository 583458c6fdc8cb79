import {
  type KeyValues,
  LATER_VALUES,
  parseTemplate,
  segmentsMayMeet,
  type Template,
  type TemplateProblem,
  type Token,
  templatesMayMeet,
  type ValueName,
  valuesOf,
} from './key-template.ts'
import { keyExtension, renderValue } from './key-value.ts'

/**
 * Key layouts: how store keys are made. A layout is data; a store key is a pure function of a layout, a role and values.
 *
 * - perObject: bytes are shared inside the isolation scope; `{id}` is the copy's id and nothing personal stands in a
 *   key of an organization's scope.
 * - perVersion: exact keys, no sharing; `{id}` is the asset's id and versions after the first put `.v{n}` before the
 *   extension, or at the end where there is none.
 */
export interface Layout {
  name: string
  templates: { original: string } & Partial<Record<Role, string>>
  isolation: Isolation
  keys: KeyMode
  /** Whether several organizations may keep their bytes in one bucket under this layout. */
  sharedBucketSafe: boolean
}

export interface Isolation {
  scope: 'organization' | 'user'
  /** Every key of the scope begins with it. Ends in `/`, or is empty where nothing is promised. */
  prefix: string
}

export type KeyMode = 'perObject' | 'perVersion'

export const ROLES = [
  'original',
  'restored',
  'thumbnail',
  'animated',
  'sidecar',
  'variant',
  'document',
  'recording',
  'temporary',
  'archive',
] as const

/** What a copy is to its asset. */
export type Role = (typeof ROLES)[number]

const DERIVED_ROLES: ReadonlySet<Role> = new Set(['restored', 'thumbnail', 'animated', 'sidecar', 'variant'])

export interface RefusedValue {
  value: ValueName | 'key'
  /** What the value must be, in plain words. */
  reason: string
}

/** Values the caller does not have yet, or values that may not stand in a key. Neither list is ever empty. */
export type NoKey = { missing: ValueName[] } | { refused: RefusedValue[] }

/** The longest key a store takes, in bytes. */
export const MAXIMUM_KEY_BYTES = 1024

/**
 * The store key of a copy.
 *
 * A role without a template of its own takes the one of `original`; in a per-version layout a derived role takes
 * `derived.{role}/{id}/{n}{ext}` under the isolation prefix, so that it never meets the original; a variant of another
 * kind is told apart by its `{suffix}`. A per-version template
 * without `{id}` (a recording by its call id) is exact but not unique: the same values give the same key.
 */
export function storeKey(layout: Layout, role: Role, values: KeyValues): { key: string } | NoKey {
  const template = templateFor(layout, role)
  const needed = neededValues(layout, template).filter((name) => name !== 'ext')
  const missing = needed.filter((name) => values[name] === undefined)
  if (missing.length > 0) return { missing }
  const marked = layout.keys === 'perVersion' ? versionMark(values) : { text: '' }
  if ('refused' in marked) return marked
  const body = render(template.segments, values)
  if ('refused' in body) return body
  const key = body.text + marked.text + endingText(template, values.ext)
  if (key.length > MAXIMUM_KEY_BYTES) {
    return { refused: [{ value: 'key', reason: `must be at most ${MAXIMUM_KEY_BYTES} bytes in all` }] }
  }
  return { key }
}

/** What every key of these values begins with; empty where the layout promises nothing. */
export function isolationPrefix(layout: Layout, values: KeyValues): { prefix: string } | NoKey {
  if (layout.isolation.prefix === '') return { prefix: '' }
  const template = prefixTemplate(layout)
  const missing = valuesOf(template).filter((name) => values[name] === undefined)
  if (missing.length > 0) return { missing }
  const body = render(template.segments, values)
  return 'refused' in body ? body : { prefix: `${body.text}/` }
}

/** The values a key of this role is made of, and which of them may become known, or change, after the upload. */
export function dependsOn(layout: Layout, role: Role): { values: ValueName[]; later: ValueName[] } {
  const values = neededValues(layout, templateFor(layout, role))
  return { values, later: values.filter((name) => LATER_VALUES.has(name)) }
}

/**
 * Whether the isolation prefixes of two layouts can lie inside one another, as `{org}/` and `users/{user}/` can for an
 * organization called "users". Such layouts do not share a bucket.
 */
export function prefixesMayMeet(first: Layout, second: Layout): boolean {
  if (first.isolation.prefix === '' || second.isolation.prefix === '') return true
  const [one, two] = [prefixTemplate(first).segments, prefixTemplate(second).segments]
  return one.every((segment, index) => two[index] === undefined || segmentsMayMeet(segment, two[index]))
}

function templateFor(layout: Layout, role: Role): Template {
  const own = layout.templates[role]
  if (own !== undefined) return readTemplate(own)
  const standsApart = layout.keys === 'perVersion' && DERIVED_ROLES.has(role)
  if (!standsApart) return readTemplate(layout.templates.original)
  return readTemplate(`${layout.isolation.prefix}derived.${role}/{id}/${role === 'variant' ? '{suffix}' : '{n}'}{ext}`)
}

function readTemplate(text: string): Template {
  const parsed = parseTemplate(text)
  if ('problems' in parsed) throw new Error(`Not a parsed layout: ${text}: ${parsed.problems[0]!.message}`)
  return parsed.template
}

function prefixTemplate(layout: Layout): Template {
  const body = layout.isolation.prefix.slice(0, -1)
  const { segments, ending } = readTemplate(body)
  if (ending.kind !== 'fixed' || ending.text === '') return { segments, ending }
  const last: Token[] = [...segments.at(-1)!, { kind: 'literal', text: ending.text }]
  return { segments: [...segments.slice(0, -1), last], ending: { kind: 'fixed', text: '' } }
}

function neededValues(layout: Layout, template: Template): ValueName[] {
  const values = valuesOf(template)
  return layout.keys === 'perVersion' ? [...values, 'version'] : values
}

function render(segments: Template['segments'], values: KeyValues): { text: string } | { refused: RefusedValue[] } {
  const refused = new Map<ValueName, string>()
  const rendered = segments.map((tokens) => {
    const pieces = tokens.map((token) => {
      if (token.kind === 'literal') return token.text
      const result = renderValue(token.name, token.value, values, token.choices)
      if ('text' in result) return result.text
      refused.set(token.value, result.reason)
      return ''
    })
    return pieces.join('')
  })
  if (refused.size > 0) return { refused: [...refused].map(([value, reason]) => ({ value, reason })) }
  return { text: rendered.join('/') }
}

function versionMark(values: KeyValues): { text: string } | { refused: RefusedValue[] } {
  const result = renderValue('version', 'version', values)
  if ('reason' in result) return { refused: [{ value: 'version', reason: result.reason }] }
  return { text: values.version === 1 ? '' : `.v${result.text}` }
}

function endingText({ ending }: Template, extension: string | undefined): string {
  if (ending.kind === 'fixed') return ending.text
  const known = keyExtension(extension)
  if (ending.kind === 'required') return `.${known ?? 'bin'}`
  return known === undefined ? '' : `.${known}`
}

export interface LayoutProblem {
  /** The part of the layout, such as `templates.original`. */
  at: string
  /** Position of the character in that part, counted from 1, where the problem has one. */
  position?: number
  /** What is wrong and what to do about it, in plain words. */
  message: string
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/
const TENANT_VALUES: readonly ValueName[] = ['org', 'customer']
const PERSON_VALUES: readonly ValueName[] = ['user', 'owner']
const PERSONAL_VALUES: readonly ValueName[] = [...PERSON_VALUES, 'session', 'callId', 'suffix']

/**
 * Accepts a layout, or says everything that is wrong with it. A prefix may be given without its closing slash.
 * `sharedBucketSafe` is worked out here and not read from the input.
 */
export function parseLayout(input: unknown): { layout: Layout } | { problems: LayoutProblem[] } {
  const problems: LayoutProblem[] = []
  const fields = readFields(input, problems)
  if (!fields) return { problems }
  const templates = readTemplates(fields.templates, problems)
  const isolation = readIsolation(fields.isolation, problems)
  if (typeof fields.name !== 'string' || !NAME.test(fields.name)) {
    problems.push({ at: 'name', message: 'Give a name of up to 64 of a-z, 0-9, underscore, hyphen.' })
  }
  if (fields.keys !== 'perObject' && fields.keys !== 'perVersion') {
    problems.push({
      at: 'keys',
      message: 'Say "perObject" (bytes are shared) or "perVersion" (exact keys, no sharing).',
    })
  }
  if (problems.length > 0 || !isolation) return { problems }
  const layout: Layout = {
    name: fields.name as string,
    templates: templates as Layout['templates'],
    isolation,
    keys: fields.keys as KeyMode,
    sharedBucketSafe: isolation.prefix !== '',
  }
  problems.push(...templateRules(layout))
  return problems.length > 0 ? { problems } : { layout }
}

const FIELDS = ['name', 'templates', 'isolation', 'keys', 'sharedBucketSafe']

function readFields(input: unknown, problems: LayoutProblem[]): Record<string, unknown> | undefined {
  if (isRecord(input)) {
    for (const name of Object.keys(input).filter((each) => !FIELDS.includes(each))) {
      problems.push({ at: name, message: 'A layout has no such part; remove it.' })
    }
    return input
  }
  problems.push({ at: '', message: 'A layout is an object with name, templates, isolation and keys.' })
  return undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readTemplates(input: unknown, problems: LayoutProblem[]): Partial<Record<Role, string>> {
  const templates: Partial<Record<Role, string>> = {}
  const given = isRecord(input) ? input : {}
  if (given.original === undefined) {
    problems.push({ at: 'templates.original', message: 'Every layout needs a template for originals; add it.' })
  }
  for (const [role, text] of Object.entries(given)) {
    const at = `templates.${role}`
    if (!ROLES.includes(role as Role)) {
      problems.push({ at, message: `There is no such role; use one of ${ROLES.join(', ')}.` })
    } else if (typeof text !== 'string') {
      problems.push({ at, message: 'A template is text, such as {org}/{id}{ext}.' })
    } else {
      templates[role as Role] = text
      problems.push(...problemsAt(at, parseTemplate(text)))
    }
  }
  return templates
}

function problemsAt(at: string, parsed: { template: Template } | { problems: TemplateProblem[] }): LayoutProblem[] {
  return 'problems' in parsed ? parsed.problems.map((problem) => ({ at, ...problem })) : []
}

function readIsolation(input: unknown, problems: LayoutProblem[]): Isolation | undefined {
  const { scope, prefix: given } = isRecord(input) ? input : {}
  if (scope !== 'organization' && scope !== 'user') {
    problems.push({ at: 'isolation.scope', message: 'Say "organization" or "user".' })
    return undefined
  }
  if (typeof given !== 'string') {
    problems.push({ at: 'isolation.prefix', message: 'Declare what every key begins with, such as {org}/.' })
    return undefined
  }
  const prefix = given === '' || given.endsWith('/') ? given : `${given}/`
  problems.push(...prefixRules(scope, prefix))
  return { scope, prefix }
}

function prefixRules(scope: Isolation['scope'], prefix: string): LayoutProblem[] {
  const at = 'isolation.prefix'
  if (prefix === '') {
    return scope === 'user' ? [{ at, message: 'User scope needs a prefix with {user}, such as users/{user}/.' }] : []
  }
  const parsed = parseTemplate(prefix.slice(0, -1))
  if ('problems' in parsed) return problemsAt(at, parsed)
  const values = valuesOf(parsed.template)
  const problems: LayoutProblem[] = []
  const wanted = scope === 'user' ? PERSON_VALUES : TENANT_VALUES
  if (!values.some((value) => wanted.includes(value))) {
    const names = wanted.map((value) => `{${value}}`).join(' or ')
    problems.push({ at, message: `A prefix of ${scope} scope contains ${names}; add it, so that keys keep apart.` })
  }
  const foreign = values.filter(
    (value) => ![...TENANT_VALUES, ...(scope === 'user' ? PERSON_VALUES : [])].includes(value),
  )
  if (foreign.length > 0) {
    problems.push({
      at,
      message: `Only what names the scope stands in its prefix; take out {${foreign.join('}, {')}}.`,
    })
  }
  // Two values side by side in one segment could be cut in two ways: a-b + c and a + b-c.
  if (parsed.template.segments.some((tokens) => tokens.filter((token) => token.kind === 'placeholder').length > 1)) {
    problems.push({ at, message: 'Put a slash between the placeholders of the prefix.' })
  }
  return problems
}

function templateRules(layout: Layout): LayoutProblem[] {
  const problems: LayoutProblem[] = []
  const roles = ROLES.filter((role) => layout.templates[role] !== undefined)
  for (const role of roles) {
    const at = `templates.${role}`
    const text = layout.templates[role]!
    if (!text.startsWith(layout.isolation.prefix)) {
      problems.push({
        at,
        position: 1,
        message: `Begin the template with its isolation prefix ${layout.isolation.prefix}`,
      })
    }
    const values = valuesOf(readTemplate(text))
    if (!identifies(layout, values)) {
      problems.push({ at, message: 'Add {id}: a key without it would be used twice.' })
    }
    problems.push(...personalRules(layout, values).map((message) => ({ at, message })))
    const twin = roles.slice(0, roles.indexOf(role)).find((other) => clash(layout, role, other))
    if (twin)
      problems.push({ at, message: `Can give the same key as templates.${twin}; put them into different folders.` })
  }
  return problems
}

function identifies(layout: Layout, values: readonly ValueName[]): boolean {
  return values.includes('id') || (layout.keys === 'perVersion' && values.includes('callId'))
}

function personalRules({ keys, isolation }: Layout, values: readonly ValueName[]): string[] {
  if (isolation.scope === 'user') return []
  if (values.includes('user')) return ['{user} needs user scope; declare it, with a prefix such as users/{user}/.']
  const personal = keys === 'perObject' ? values.filter((value) => PERSONAL_VALUES.includes(value)) : []
  if (personal.length === 0) return []
  return [`Keys of shared bytes hold nothing personal; take out {${personal.join('}, {')}} or say keys "perVersion".`]
}

function clash({ keys, templates }: Layout, role: Role, other: Role): boolean {
  return keys === 'perVersion' && templatesMayMeet(readTemplate(templates[role]!), readTemplate(templates[other]!))
}

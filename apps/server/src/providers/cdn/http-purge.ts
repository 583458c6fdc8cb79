import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { batches } from './cdn-url.ts'
import { CdnError, type CdnErrorKind } from './port.ts'

const REQUEST_MS = 30_000
const ATTEMPTS = 4
const BASE_MS = 250
const LONGEST_WAIT_MS = 30_000
const PLURAL = /\{(?:urls|tags)\}/

/**
 * One kind of purge request. `{url}` and `{tag}` stand for one thing to purge, `{urls}` and `{tags}` for up to `atOnce`
 * of them: in the body as JSON text and JSON arrays, in a header as they are and separated by spaces, in the address
 * percent-encoded, except where the address is `{url}` itself.
 *
 *     Varnish, Fastly   { method: 'PURGE', url: '{url}', headers: { 'Fastly-Key': … } }
 *     Fastly, by key    { url: 'https://api.fastly.com/service/ID/purge', headers: { 'Fastly-Key': … },
 *                         body: '{"surrogate_keys":{tags}}', atOnce: 256 }
 *     Cloudflare        { url: 'https://api.cloudflare.com/client/v4/zones/ID/purge_cache',
 *                         headers: { Authorization: 'Bearer …' }, body: '{"files":{urls}}', atOnce: 100 }
 *     Bunny             { url: 'https://api.bunny.net/purge?url={url}', headers: { AccessKey: … } }
 *     Bunny, by tag     { url: 'https://api.bunny.net/pullzone/ID/purgeCache', headers: { AccessKey: … },
 *                         body: '{"CacheTag":{tag}}' }
 */
export const purgeTemplate = z
  .object({
    method: z
      .string()
      .regex(/^[A-Z]{3,10}$/, 'must be a method such as POST or PURGE')
      .default('POST'),
    url: z.string().regex(/^(?:https?:\/\/|\{url\}$)/, 'must be a URL or {url}'),
    headers: z.record(z.string(), z.string()).default({}),
    body: z.string().optional(),
    atOnce: z.number().int().min(1).max(10_000).default(1),
  })
  .refine(
    (given) => given.atOnce === 1 || PLURAL.test(everyText(given)),
    '{urls} or {tags} is needed to send many at once',
  )
  .refine((given) => /\{(?:url|tag)s?\}/.test(`${given.url} ${everyText(given)}`), 'nothing says what is to be purged')

export type PurgeTemplate = z.output<typeof purgeTemplate>

export interface HttpPurgeOptions {
  signal?: AbortSignal
  sleep?: (ms: number, signal?: AbortSignal) => Promise<unknown>
  /** 0 to 1. */
  random?: () => number
}

function everyText(given: { headers: Record<string, string>; body?: string | undefined }): string {
  return `${Object.values(given.headers).join(' ')} ${given.body ?? ''}`
}

/**
 * Sends as many purge requests as `names` need, one after the other. A request that fails for a moment is tried up to
 * four times, as late as `Retry-After` says (half a minute at most).
 *
 * @param word what the names are, which is also what the template calls them
 * @throws CdnError
 */
export async function sendPurges(
  template: PurgeTemplate,
  word: 'url' | 'tag',
  names: readonly string[],
  options: HttpPurgeOptions,
): Promise<void> {
  for (const batch of batches(names, template.atOnce)) {
    await untilTaken(() => send(template, word, batch, options.signal), options)
  }
}

interface Refusal {
  error: CdnError
  waitMs?: number
}

async function untilTaken(attempt: () => Promise<Refusal | undefined>, options: HttpPurgeOptions): Promise<void> {
  const { signal, sleep = (ms, until) => wait(ms, undefined, { signal: until }), random = Math.random } = options
  for (let tried = 1; ; tried++) {
    signal?.throwIfAborted()
    const refusal = await attempt()
    signal?.throwIfAborted()
    if (!refusal) return
    if (!refusal.error.retryable || tried === ATTEMPTS) throw refusal.error
    const delayMs = refusal.waitMs ?? random() * BASE_MS * 4 ** tried
    await sleep(Math.min(delayMs, LONGEST_WAIT_MS), signal).catch(() => signal?.throwIfAborted())
  }
}

async function send(
  template: PurgeTemplate,
  word: 'url' | 'tag',
  batch: readonly string[],
  signal?: AbortSignal,
): Promise<Refusal | undefined> {
  const { url, init } = requestFor(template, word, batch)
  const patience = AbortSignal.timeout(REQUEST_MS)
  try {
    const response = await fetch(url, { ...init, signal: signal ? AbortSignal.any([signal, patience]) : patience })
    await response.body?.cancel()
    return refusalOf(response, template.method)
  } catch (cause) {
    return { error: new CdnError('unavailable', 'The purge request was not answered', { cause }) }
  }
}

function requestFor(
  template: PurgeTemplate,
  word: string,
  batch: readonly string[],
): { url: string; init: RequestInit } {
  const fill = (text: string, one: (name: string) => string, many: () => string) =>
    text.replaceAll(`{${word}s}`, many).replaceAll(`{${word}}`, () => one(batch[0]!))
  const plain = (text: string) =>
    fill(
      text,
      (name) => name,
      () => batch.join(' '),
    )
  const body =
    template.body === undefined ? undefined : fill(template.body, JSON.stringify, () => JSON.stringify(batch))
  const url =
    template.url === '{url}'
      ? batch[0]!
      : fill(template.url, encodeURIComponent, () => batch.map(encodeURIComponent).join(','))
  const headers = Object.fromEntries(Object.entries(template.headers).map(([name, text]) => [name, plain(text)]))
  // A redirect is not followed: it would carry the credentials elsewhere.
  const init = { method: template.method, redirect: 'manual' as const, headers: { ...json(body), ...headers } }
  return { url, init: body === undefined ? init : { ...init, body } }
}

function json(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'content-type': 'application/json' }
}

function refusalOf({ ok, status, headers }: Response, method: string): Refusal | undefined {
  // Varnish answers 404 to the purge of an address that it has not cached.
  if (ok || (status === 404 && method === 'PURGE')) return undefined
  const error = new CdnError(kindOf(status), `The purge request was answered with ${status}`)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 ? { error, waitMs: seconds * 1000 } : { error }
}

function kindOf(status: number): CdnErrorKind {
  if (status === 401 || status === 403) return 'denied'
  if (status === 429) return 'throttled'
  return status >= 500 || status === 408 ? 'unavailable' : 'badRequest'
}

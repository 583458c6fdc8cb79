import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Contact, type ExcessRights, PROBE_PREFIX, type StoreAdmin } from './admin.ts'
import type { Diagnosis } from './advice.ts'
import { diagnoseNetwork } from './diagnosis.ts'
import { type ObjectStore, type SignedRequest, type StoredInfo, StoreError } from './port.ts'

/** A store to examine. */
export interface Subject {
  store: ObjectStore
  /** None for stores on this machine. */
  admin?: StoreAdmin | undefined
  /** Web origins whose pages send presigned requests. */
  origins: readonly string[]
  /** Milliseconds since 1970. */
  now: () => number
}

export interface Check {
  title: string
  outcome: 'passed' | 'failed' | 'skipped'
  diagnosis?: Diagnosis
  /** What was seen, or why it was left out. */
  detail?: string
}

const BYTES = 4096
/** No examination takes so long. */
const PROBE_MS = 60 * 60_000
const PROBES_AT_ONCE = 100
const EXPIRES_SECONDS = 300
const MAX_SKEW_MS = 5 * 60_000
const PATIENCE_MS = 10_000

/** What makes every later check fail in the same way. */
const FATAL: ReadonlySet<Diagnosis> = new Set([
  'noCredentials',
  'wrongKey',
  'expiredCredentials',
  'noBucket',
  'wrongRegion',
  'wrongEndpoint',
  'untrustedCertificate',
  'clockSkew',
])

class Finding extends Error {
  readonly diagnosis: Diagnosis
  constructor(diagnosis: Diagnosis, detail: string) {
    super(detail)
    this.diagnosis = diagnosis
  }
}

class LeftOut extends Error {}

interface Probe extends Subject {
  key: string
  bytes: Buffer
  contact?: Contact
}

interface Row {
  title: string
  /** What a refusal here means. */
  denied: Diagnosis
  run(probe: Probe): Promise<string | undefined>
}

/**
 * Does with one object all that the service does with many, and removes it. The results come as they are found; after
 * one that makes all others useless there are no more.
 */
export async function* examine(subject: Subject): AsyncGenerator<Check> {
  const key = `${PROBE_PREFIX}${randomUUID()}`
  const probe: Probe = { ...subject, key, bytes: randomBytes(BYTES) }
  const rows = [...CONTACT, ...OBJECTS, ...subject.origins.map(corsRow), ...REST]
  let written = false
  try {
    for (const row of rows) {
      const check = await checkOf(row, probe)
      yield check
      if (check.diagnosis && FATAL.has(check.diagnosis)) return
      if (row === WRITE) written = check.outcome === 'passed'
      if (row === WRITE && !written) return
    }
  } finally {
    if (written) await removeAll(probe)
  }
}

async function checkOf(row: Row, probe: Probe): Promise<Check> {
  const { title } = row
  try {
    const detail = await row.run(probe)
    return { title, outcome: 'passed', ...(detail && { detail }) }
  } catch (error) {
    const detail = (error as Error).message
    if (error instanceof LeftOut) return { title, outcome: 'skipped', detail }
    if (error instanceof Finding) return { title, outcome: 'failed', diagnosis: error.diagnosis, detail }
    const found = await (probe.admin?.diagnose(error) ?? diagnoseNetwork(error))
    return { title, outcome: 'failed', diagnosis: found === 'denied' ? row.denied : found, detail }
  }
}

/** The object, and what other checks may have left under keys beside it. */
async function removeAll({ store, key }: Probe): Promise<void> {
  for (const each of [key, ...BESIDES.map((name) => key + name)]) await store.delete(each).catch(() => {})
}

const BESIDES = ['-put', '-checksum']

const CONTACT: Row[] = [
  {
    title: 'credentials, server and bucket answer',
    denied: 'deniedList',
    run: async (probe) => {
      if (!probe.admin) throw new LeftOut('a store on this machine')
      probe.contact = await probe.admin.contact()
      return probe.contact.region && `region ${probe.contact.region}`
    },
  },
  {
    title: 'the clock agrees with the server’s',
    denied: 'denied',
    run: async (probe) => {
      if (!probe.store.capabilities.presignedGet) throw new LeftOut('no server')
      const { url } = await presigned(probe)
      const before = probe.now()
      const answer = await fetched(new URL(url).origin, { method: 'HEAD' })
      const there = Date.parse(answer.headers.get('date') ?? '')
      if (Number.isNaN(there)) throw new LeftOut('the server does not tell its time')
      const skewMs = there - (before + probe.now()) / 2
      const words = `${Math.abs(Math.round(skewMs / 1000))} s ${skewMs > 0 ? 'behind' : 'ahead'}`
      if (Math.abs(skewMs) > MAX_SKEW_MS) throw new Finding('clockSkew', `this machine is ${words}`)
      // The server tells whole seconds.
      return Math.abs(skewMs) < 2000 ? undefined : words
    },
  },
  {
    title: 'the way there is protected by TLS',
    denied: 'denied',
    run: async ({ admin, store, contact, ...probe }) => {
      if (!admin) throw new LeftOut('a store on this machine')
      const [insecure] = contact?.insecure ?? []
      if (insecure) throw new Finding('tlsOff', insecure)
      const { url } = await presigned({ store, ...probe })
      if (url.startsWith('http:')) throw new LeftOut('http, but on this machine alone')
      return undefined
    },
  },
]

const WRITE: Row = {
  title: `writes ${BYTES} bytes`,
  denied: 'deniedWrite',
  run: async ({ store, key, bytes }) => {
    await store.put(key, Readable.from([bytes]), { sizeBytes: bytes.length })
    return key
  },
}

const OBJECTS: Row[] = [
  WRITE,
  {
    title: 'reads them back as they were',
    denied: 'deniedRead',
    run: async ({ store, key, bytes }) => {
      const { body } = await store.get(key)
      same(await buffer(body), bytes)
      return `SHA-256 ${hashOf(bytes).slice(0, 16)}…`
    },
  },
  {
    title: 'reads a range',
    denied: 'deniedRead',
    run: async ({ store, key, bytes }) => {
      const { body } = await store.get(key, { range: { start: 1000, end: 1999 } })
      const range = await buffer(body)
      if (!range.equals(bytes.subarray(1000, 2000))) throw new Finding('rangeIgnored', `${range.length} bytes came`)
      return undefined
    },
  },
  {
    title: 'says of a missing object that it is missing',
    denied: 'missingLooksDenied',
    run: async ({ store, key }) => {
      if (await store.head(`${key}-missing`)) throw new Finding('corrupt', 'it says that there is one')
      return undefined
    },
  },
  {
    title: 'presigns a read, and the URL works',
    denied: 'presignRefused',
    run: async (probe) => {
      if (!probe.store.capabilities.presignedGet) throw new LeftOut('this store has no presigned URLs')
      const answer = await fetched((await presigned(probe)).url)
      if (!answer.ok) throw new Finding('presignRefused', `it answers ${answer.status}`)
      same(Buffer.from(await answer.arrayBuffer()), probe.bytes)
      return undefined
    },
  },
  {
    title: 'presigns a write, and the URL works',
    denied: 'presignRefused',
    run: async ({ store, key, bytes }) => {
      if (!store.capabilities.presignedPut) throw new LeftOut('this store has no presigned URLs')
      const told = { expiresInSeconds: EXPIRES_SECONDS, sizeBytes: bytes.length }
      const { url, method, headers } = await store.presignPut(`${key}-put`, told)
      const answer = await fetched(url, { method, headers, body: new Uint8Array(bytes) })
      if (!answer.ok) throw new Finding('presignRefused', `it answers ${answer.status}`)
      return undefined
    },
  },
  {
    title: 'a presigned URL of a missing object answers 404',
    denied: 'missingLooksDenied',
    run: async (probe) => {
      if (!probe.store.capabilities.presignedGet) throw new LeftOut('this store has no presigned URLs')
      const answer = await fetched((await presigned({ ...probe, key: `${probe.key}-missing` })).url)
      if (answer.status === 403) throw new Finding('missingLooksDenied', 'it answers 403')
      if (answer.status !== 404) throw new Finding('presignRefused', `it answers ${answer.status}`)
      return undefined
    },
  },
  {
    title: 'refuses bytes whose checksum is wrong',
    denied: 'deniedWrite',
    run: async ({ admin, key }) => {
      if (!admin) throw new LeftOut('a store on this machine')
      if (await admin.refusesWrongChecksum(`${key}-checksum`)) return undefined
      throw new LeftOut('the server does not compare them; Stowage hashes every byte itself')
    },
  },
  {
    title: 'lists it',
    denied: 'deniedList',
    run: async ({ store, key }) => {
      const { items } = await store.list({ prefix: key, limit: 10 })
      if (!items.some((item) => item.key === key)) throw new Finding('notListed', `${items.length} others came`)
      return undefined
    },
  },
  {
    title: 'nobody reads it without a signature',
    denied: 'denied',
    run: async (probe) => {
      if (!probe.store.capabilities.presignedGet) throw new LeftOut('no server')
      const url = new URL((await presigned(probe)).url)
      url.search = ''
      const answer = await fetched(url.href)
      if (answer.ok) throw new Finding('publicBucket', `a plain GET answers ${answer.status}`)
      return `a plain GET answers ${answer.status}`
    },
  },
]

const REST: Row[] = [
  {
    title: 'versioning is not suspended',
    denied: 'denied',
    run: async ({ contact }) => {
      const { versioning = 'unknown' } = contact ?? {}
      if (versioning === 'unknown') throw new LeftOut('it may not be asked')
      if (versioning === 'suspended') throw new Finding('versioningSuspended', 'it is suspended')
      return versioning
    },
  },
  {
    title: 'deletes it',
    denied: 'deniedDelete',
    run: async ({ store, key }) => {
      await store.delete(key)
      if (await store.head(key)) throw new Finding('notDeleted', key)
      return undefined
    },
  },
]

/** What a browser asks before it sends a presigned request of another origin, and what it lets a page see of the answer. */
function corsRow(origin: string): Row {
  return {
    title: `pages of ${origin} may upload and read`,
    denied: 'denied',
    run: async (probe) => {
      const { store, key } = probe
      if (!store.capabilities.presignedPut) throw new LeftOut('this store has no presigned URLs')
      const { url, headers } = await store.presignPut(`${key}-put`, { expiresInSeconds: EXPIRES_SECONDS, sizeBytes: 1 })
      const preflight = await fetched(url, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'PUT',
          'access-control-request-headers': ['content-type', ...Object.keys(headers)].join(','),
        },
      })
      if (!allows(preflight, origin)) throw new Finding('corsMissing', `the preflight answers ${preflight.status}`)
      const answer = await fetched((await presigned(probe)).url, { headers: { origin } })
      const exposed = (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase()
      if (!allows(answer, origin)) throw new Finding('corsMissing', 'a read does not name the origin')
      if (!/(^|[ ,])(etag|\*)($|[ ,])/.test(exposed))
        throw new Finding('corsHidesETag', exposed || 'nothing is exposed')
      return undefined
    },
  }
}

function allows(answer: Response, origin: string): boolean {
  return answer.ok && [origin, '*'].includes(answer.headers.get('access-control-allow-origin') ?? '')
}

function presigned({ store, key }: Pick<Probe, 'store' | 'key'>): Promise<SignedRequest> {
  return store.presignGet(key, { expiresInSeconds: EXPIRES_SECONDS })
}

/** By the way that callers go, which may be another than ours. */
async function fetched(url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) })
  } catch (error) {
    const found = diagnoseNetwork(error)
    if (found === 'untrustedCertificate') throw new Finding(found, new URL(url).origin)
    throw new Finding('publicUnreachable', new URL(url).origin)
  }
}

function same(actual: Buffer, expected: Buffer): void {
  if (!actual.equals(expected)) throw new StoreError('corrupt', `The bytes have the hash ${hashOf(actual)}`)
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What keeps a store from being used. */
export interface StoreProblem {
  diagnosis: Diagnosis
  detail: string
}

export interface Verification {
  problems: StoreProblem[]
  /** What the credentials may do beyond what the service needs. */
  excess: ExcessRights
}

/**
 * Whether a store can be listed, written and cleared with the credentials there are: what the service checks when it
 * starts, in three small requests and a question about rights. What starts that were killed have left goes, too.
 */
export async function verifyStore({ store, admin }: Pick<Subject, 'store' | 'admin'>): Promise<Verification> {
  const key = `${PROBE_PREFIX}${randomUUID()}`
  let before: StoredInfo[] = []
  const list = async () => {
    before = (await store.list({ prefix: PROBE_PREFIX, limit: PROBES_AT_ONCE })).items
  }
  const clear = async () => {
    const left = before.filter(({ modifiedAt }) => Date.now() - modifiedAt.getTime() > PROBE_MS)
    for (const each of [key, ...left.map((probe) => probe.key)]) await store.delete(each)
  }
  const rows: [Diagnosis, () => Promise<unknown>][] = [
    ['deniedList', list],
    ['deniedWrite', () => store.put(key, Readable.from([Buffer.from('probe')]), { sizeBytes: 5 })],
    ['deniedDelete', clear],
  ]
  const problems: StoreProblem[] = []
  for (const [denied, run] of rows) {
    try {
      await run()
    } catch (error) {
      const found = await (admin?.diagnose(error) ?? diagnoseNetwork(error))
      problems.push({ diagnosis: found === 'denied' ? denied : found, detail: (error as Error).message })
      if (found !== 'denied') break
    }
  }
  const excess = problems.length === 0 ? await admin?.excessRights() : undefined
  return { problems, excess: excess ?? { known: false, reason: 'it was not asked' } }
}

import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { webhookKey, webhookSignature } from '../src/domain/standard-webhook.ts'
import { type JobName, jobs } from '../src/doors/worker/jobs.ts'
import { runJobs } from '../src/doors/worker/run-jobs.ts'
import type { ObjectStore } from '../src/providers/stores/port.ts'
import { newOrganization, newText, uploadText } from './service.ts'
import { startTestService, type TestService } from './test-service.ts'

const SECRET = `whsec_${randomBytes(32).toString('base64')}`
const KEY = webhookKey(SECRET) as Buffer
const BUCKET = 'files'
/** Larger than what lies in the database. */
export const LARGE = 140_000

interface Told {
  kind?: 'created' | 'removed'
  size?: number
  bucket?: string
  sequencer?: string
}

interface Post {
  key?: Buffer
  at?: number
  headers?: Record<string, string>
  secret?: string
}

/** A service whose memory stands for a bucket: what is put into `store` is put there behind the service's back. */
export interface ToldService {
  service: TestService
  store: ObjectStore
  organization: { id: string; slug: string }
  /** Posts a message, signed unless `headers` are given. */
  post(message: unknown, how?: Post): ReturnType<TestService['call']>
  /** Posts records of S3 and answers how many were taken. */
  tell(...records: unknown[]): Promise<{ status: number; taken: number; ignored: number }>
  drop(key: string, bytes: Buffer): Promise<unknown>
  overwrite(key: string, bytes: Buffer): Promise<unknown>
  get(path: string): ReturnType<TestService['call']>
  // biome-ignore lint/suspicious/noExplicitAny: tests look at one field or another
  incidentsAt(key: string): Promise<any[]>
  /** A new asset in the store, of a size that the database does not keep. */
  upload(): Promise<{ id: string; key: string; copyId: string; bytes: Buffer }>
  run(): Promise<Record<JobName, number>>
  runOnce(job: JobName): Promise<number>
  /** What waits for another attempt is due now. */
  makeDue(table: 'store_event' | 'incident'): Promise<void>
  inTenant: <Result>(work: Parameters<typeof inTenantOf<Result>>[2]) => Promise<Result>
}

export async function startToldService(): Promise<ToldService> {
  const service = await startTestService({
    settings: { STOWAGE_STORE: 'memory', STOWAGE_STORE_EVENTS_SECRET: SECRET, STOWAGE_MAX_SIZE_BYTES: '1000000' },
  })
  service.app.storeEvents.storesIn = (bucket) => (bucket === BUCKET ? ['memory'] : [])
  const store = service.app.stores.get('memory') as ObjectStore
  const organization = await newOrganization(service.call)
  const get = (path: string) => service.call(path, { organization: organization.slug })
  const post = (message: unknown, how: Post = {}) => postTo(service, message, how)
  const drop = (key: string, bytes: Buffer) => store.put(key, Readable.from([bytes]), { sizeBytes: bytes.length })
  const inTenant: ToldService['inTenant'] = (work) => inTenantOf(service, organization.slug, work)
  return {
    service,
    store,
    organization,
    get,
    post,
    tell: async (...Records) => {
      const { status, json } = await post({ Records })
      return { status, ...json }
    },
    drop,
    overwrite: async (key, bytes) => {
      await store.delete(key)
      await drop(key, bytes)
    },
    incidentsAt: async (key) => {
      const { json } = await get('/v1/incidents?limit=200')
      return json.items.filter((incident: { key: string }) => incident.key === key)
    },
    upload: async () => {
      const bytes = newText(LARGE)
      const { json: asset } = await uploadText(service.call, bytes, { organization: organization.slug })
      const [copy] = (await get(`/v1/assets/${asset.id}`)).json.copies
      return { id: asset.id, key: copy.key, copyId: copy.id, bytes }
    },
    run: () => runJobs(service.app.worker),
    runOnce: (job) => jobs[job](service.app.worker),
    makeDue: (table) =>
      inTenant(async (db) => {
        await db
          .updateTable(table)
          .set({ due_at: new Date(0) })
          .where('due_at', 'is not', null)
          .execute()
      }),
    inTenant,
  }
}

let order = 0x10_0000

/** As S3 writes it to a queue, with a sequencer later than all before. */
export function record(key: string, { kind = 'created', size, bucket = BUCKET, sequencer }: Told = {}) {
  order += 1
  return {
    eventSource: 'aws:s3',
    eventName: kind === 'created' ? 'ObjectCreated:Put' : 'ObjectRemoved:Delete',
    eventTime: new Date().toISOString(),
    s3: {
      bucket: { name: bucket },
      object: {
        key: encodeURIComponent(key).replaceAll('%20', '+'),
        ...(size !== undefined && { size }),
        sequencer: sequencer ?? order.toString(16),
      },
    },
  }
}

/** As EventBridge sends it. */
export function bridged(key: string) {
  order += 1
  return {
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: new Date().toISOString(),
    detail: { bucket: { name: BUCKET }, object: { key, sequencer: order.toString(16) } },
  }
}

function postTo(service: TestService, message: unknown, { key = KEY, at = Date.now(), headers, secret = '' }: Post) {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
  const [id, timestamp] = [`msg_${randomUUID()}`, String(Math.floor(at / 1000))]
  const signed = {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': webhookSignature(key, id, timestamp, body),
  }
  return service.call('/v1/store-events', {
    body,
    secret,
    headers: { 'content-type': 'application/json', ...(headers ?? signed) },
  })
}

async function inTenantOf<Result>(
  { app }: TestService,
  slug: string,
  work: Parameters<typeof app.platform.inTenant<Result>>[1],
): Promise<Result> {
  const { rows } = await app.pools.sweep.query('select api.tenant_of_slug($1) as id', [slug])
  return app.platform.inTenant(rows[0].id, work)
}

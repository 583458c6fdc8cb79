import { z } from 'zod'

/** What happened to one object of a bucket that is changed from outside, whoever told of it. */
export interface StoreEvent {
  bucket: string
  /** As the object is really called. */
  key: string
  kind: 'created' | 'removed'
  sizeBytes?: number
  /** Without quotes. */
  etag?: string
  versionId?: string
  /** When the store says that it happened. */
  at: Date
  /** Hexadecimal, comparable by `isNewer` for one key of one bucket; undefined when the store gave none. */
  order: string | undefined
}

export type StoreEventRefusal = 'tooLarge' | 'notJson' | 'unknownForm' | 'tooManyRecords' | 'badRecord'

/** `detail` names what was wrong, and quotes nothing of the message. */
export type StoreEventReading = { events: StoreEvent[] } | { refused: StoreEventRefusal; detail: string }

/** SQS carries 1 MiB at most, and S3 itself writes up to 64 KiB. */
export const MAX_MESSAGE_BYTES = 1_048_576
export const MAX_RECORDS = 1000

/**
 * Reads one message of a queue or a push: the S3 form `{ Records: [ … ] }`, in an SNS envelope or not, RadosGW's variant
 * of it, or an EventBridge event. Events that neither create nor remove (tags, restores, transitions) and S3's test
 * message give none. One bad record refuses the message: what cannot be read belongs on the dead-letter queue.
 */
export function readStoreEvents(body: string): StoreEventReading {
  if (Buffer.byteLength(body) > MAX_MESSAGE_BYTES)
    return { refused: 'tooLarge', detail: `more than ${MAX_MESSAGE_BYTES} bytes` }
  const message = parsed(body)
  const envelope = snsEnvelope.safeParse(message)
  return readMessage(envelope.success ? parsed(envelope.data.Message) : message)
}

function readMessage(message: unknown): StoreEventReading {
  if (message === undefined) return { refused: 'notJson', detail: 'the message is not JSON' }
  if (testMessage.safeParse(message).success) return { events: [] }
  if (bridgeForm.safeParse(message).success) return collect([message], bridgeRecord, fromBridge)
  const records = recordsForm.safeParse(message)
  if (!records.success) return { refused: 'unknownForm', detail: 'neither records of S3 nor an event of EventBridge' }
  const { Records } = records.data
  if (Records.length > MAX_RECORDS) return { refused: 'tooManyRecords', detail: `more than ${MAX_RECORDS} records` }
  return collect(Records, s3Record, fromS3)
}

/**
 * Whether `one` happened after `other`; both MUST be of the same key in the same bucket. False for a duplicate.
 *
 * S3 (Event message structure): "the event notification with the greater sequencer hexadecimal value is the event that
 * occurred later … left-pad the shorter value with zeros, and then do a lexicographical comparison". Editions of that
 * page have also said right-pad; only the left is a comparison of values, and only it orders `0055AED6DCD90281E5` and
 * `617F08299329D189`, which both begin with the second they were made in. Where one has no sequencer, time decides.
 */
export function isNewer(one: Pick<StoreEvent, 'order' | 'at'>, other: Pick<StoreEvent, 'order' | 'at'>): boolean {
  if (one.order === undefined || other.order === undefined) return one.at.getTime() > other.at.getTime()
  const length = Math.max(one.order.length, other.order.length)
  return one.order.toLowerCase().padStart(length, '0') > other.order.toLowerCase().padStart(length, '0')
}

const MAX_KEY_BYTES = 1024
// The sequencer is made within moments of the event's own time; a day leaves room for a retried delivery.
const RGW_CLOCK_SECONDS = 86_400

const name = z.string().min(1).max(255)
const optionalText = z.string().max(1024).nullish()
const key = z
  .string()
  .min(1)
  .max(3 * MAX_KEY_BYTES)
const moment = z
  .string()
  .max(64)
  .regex(/^\d{4}-\d\d-\d\dT/)
  .transform((text) => new Date(text))
  .refine((at) => !Number.isNaN(at.getTime()))
const size = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,16}$/)
      .transform(Number),
  ])
  .refine((bytes) => Number.isSafeInteger(bytes) && bytes >= 0)
  .nullish()
const sequencer = z
  .string()
  .regex(/^[0-9A-Fa-f]{0,64}$/)
  .nullish()

const snsEnvelope = z.object({ Type: z.literal('Notification'), TopicArn: z.string(), Message: z.string() })
const testMessage = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') })
const recordsForm = z.object({ Records: z.array(z.unknown()) })
const bridgeForm = z.object({ source: z.literal('aws.s3'), 'detail-type': z.string() })

const s3Record = z.object({
  eventSource: z.string().max(255),
  eventName: z.string().max(255),
  eventTime: moment,
  s3: z.object({
    bucket: z.object({ name }),
    object: z.object({ key, size, eTag: optionalText, etag: optionalText, versionId: optionalText, sequencer }),
  }),
})
const bridgeRecord = z.object({
  'detail-type': z.string().max(255),
  time: moment,
  detail: z.object({
    bucket: z.object({ name }),
    object: z.object({ key, size, etag: optionalText, 'version-id': optionalText, sequencer }),
  }),
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `read` gives undefined for an event that is none of ours, and `'badKey'` for a key that cannot be one. */
function collect<Schema extends z.ZodType>(
  records: readonly unknown[],
  schema: Schema,
  read: (record: z.output<Schema>) => StoreEvent | 'badKey' | undefined,
): StoreEventReading {
  const events: StoreEvent[] = []
  for (const [at, raw] of records.entries()) {
    const record = schema.safeParse(raw)
    if (!record.success) {
      const path = record.error.issues[0]?.path.join('.') || 'the record itself'
      return { refused: 'badRecord', detail: `record ${at}: ${path}` }
    }
    const event = read(record.data)
    if (event === 'badKey') return { refused: 'badRecord', detail: `record ${at}: the key` }
    if (event) events.push(event)
  }
  return { events }
}

function fromS3({
  eventSource,
  eventName,
  eventTime,
  s3,
}: z.output<typeof s3Record>): StoreEvent | 'badKey' | undefined {
  const kind = kindOfS3(eventName)
  if (!kind) return undefined
  const { object } = s3
  // RadosGW writes the key as it is; S3 form-encodes it.
  const fromCeph = eventSource === 'ceph:s3'
  return event({
    bucket: s3.bucket.name,
    key: fromCeph ? object.key : formDecoded(object.key),
    kind,
    sizeBytes: object.size,
    etag: object.eTag ?? object.etag,
    versionId: object.versionId,
    at: eventTime,
    order: fromCeph ? cephOrder(object.sequencer, eventTime) : object.sequencer,
  })
}

function fromBridge(message: z.output<typeof bridgeRecord>): StoreEvent | 'badKey' | undefined {
  const kind = { 'Object Created': 'created', 'Object Deleted': 'removed' }[message['detail-type']]
  if (!kind) return undefined
  const { bucket, object } = message.detail
  return event({
    bucket: bucket.name,
    key: object.key,
    kind: kind as StoreEvent['kind'],
    sizeBytes: object.size,
    etag: object.etag,
    versionId: object['version-id'],
    at: message.time,
    order: object.sequencer,
  })
}

/** S3 leaves the `s3:` out of the name, RadosGW did not always. */
function kindOfS3(eventName: string): StoreEvent['kind'] | undefined {
  const [family, ...rest] = eventName.replace(/^s3:/, '').split(':')
  if (family === 'ObjectCreated' || family === 'ObjectSynced') return 'created'
  if (family === 'ObjectRemoved' || family === 'LifecycleExpiration') return 'removed'
  const expired = family === 'ObjectLifecycle' && rest[0] === 'Expiration' && rest[1] !== 'AbortMultipartUpload'
  return expired ? 'removed' : undefined
}

type Loose<T> = { [Name in keyof T]: T[Name] | null | undefined }

function event(
  given: Pick<StoreEvent, 'bucket' | 'kind' | 'at'> & Loose<Omit<StoreEvent, 'bucket' | 'kind' | 'at'>>,
): StoreEvent | 'badKey' {
  const { bucket, key, kind, sizeBytes, etag, versionId, at, order } = given
  if (key == null || !key.isWellFormed() || Buffer.byteLength(key) > MAX_KEY_BYTES) return 'badKey'
  const bare = etag?.replace(/^"(.*)"$/, '$1')
  return {
    bucket,
    key,
    kind,
    ...(sizeBytes != null && { sizeBytes }),
    ...(bare && { etag: bare }),
    ...(versionId && { versionId }),
    at,
    order: order || undefined,
  }
}

/** `red+flower%C3%A9.jpg` → `red floweré.jpg`; undefined when it is not form-encoded. */
function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/**
 * RadosGW's sequencer is the memory of a `utime_t` in hexadecimal: seconds and nanoseconds, four bytes each, and on most
 * machines the lowest byte first, so that as it stands it orders nothing. Turned round, when that reads as the time of
 * the event.
 */
function cephOrder(text: string | null | undefined, at: Date): string | undefined {
  if (text?.length !== 16) return text ?? undefined
  const words = [text.slice(0, 8), text.slice(8)].map((word) => Buffer.from(word, 'hex').reverse().toString('hex'))
  const drift = Math.abs(Number.parseInt(words[0]!, 16) - at.getTime() / 1000)
  return drift < RGW_CLOCK_SECONDS ? words.join('') : text
}

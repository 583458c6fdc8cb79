import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isNewer, MAX_MESSAGE_BYTES, MAX_RECORDS, readStoreEvents, type StoreEvent } from './store-event.ts'

const s3Record = (object: object = {}, more: object = {}) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: 'us-west-2',
  eventTime: '2026-08-01T12:00:00.000Z',
  eventName: 'ObjectCreated:Put',
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'stowage',
    bucket: { name: 'drop', arn: 'arn:aws:s3:::drop' },
    object: {
      key: 'red+flower%2B%C3%A9.jpg',
      size: 1024,
      eTag: 'd41d8cd9',
      versionId: '096f',
      sequencer: '0055AED6DCD90281E5',
      ...object,
    },
  },
  ...more,
})
const read = (...records: unknown[]) => readStoreEvents(JSON.stringify({ Records: records }))
const only = (reading: ReturnType<typeof readStoreEvents>): StoreEvent => {
  if (!('events' in reading) || reading.events.length !== 1)
    throw new Error(`Not one event: ${JSON.stringify(reading)}`)
  return reading.events[0]!
}

/** As a RadosGW sent them; the second happened 15 ms after the first. */
const ceph = (eventName: string, eventTime: string, object: object) => ({
  eventVersion: '2.2',
  eventSource: 'ceph:s3',
  awsRegion: '',
  eventTime,
  eventName,
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'n1',
    bucket: { name: 'drop', ownerIdentity: { principalId: 'test' }, arn: 'arn:aws:s3:::drop', id: '4d25.4146.2' },
    object: { size: 5, eTag: '5d41402abc4b2a76b9719d911017c592', versionId: '', metadata: [], tags: [], ...object },
  },
  eventId: '1795246371.578833.5d41402abc4b2a76b9719d911017c592',
  opaqueData: '',
})
const CEPH_PUT = ceph('ObjectCreated:Put', '2026-11-21T07:32:51.575669Z', {
  key: 'a b+c é%20.txt',
  sequencer: '2349016BE34A8022',
})
const CEPH_DELETE = ceph('ObjectRemoved:Delete', '2026-11-21T07:32:51.593247Z', {
  key: 'a b+c é%20.txt',
  sequencer: '2349016B9A5B5C23',
})

const bridge = (type: string, object: object = {}) => ({
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': type,
  source: 'aws.s3',
  time: '2026-08-01T12:00:00Z',
  detail: {
    version: '0',
    bucket: { name: 'drop' },
    object: {
      key: 'red+flower%2B.jpg',
      size: 5,
      etag: 'b1946ac9',
      'version-id': 'IYV3',
      sequencer: '617f08299329d189',
      ...object,
    },
    reason: 'PutObject',
  },
})

describe('readStoreEvents', () => {
  test('reads what S3 sends to a queue, and decodes the key as a form', () => {
    expect(only(read(s3Record()))).toEqual({
      bucket: 'drop',
      key: 'red flower+é.jpg',
      kind: 'created',
      sizeBytes: 1024,
      etag: 'd41d8cd9',
      versionId: '096f',
      at: new Date('2026-08-01T12:00:00Z'),
      order: '0055AED6DCD90281E5',
    })
  })

  test('reads the same in an SNS envelope', () => {
    const Message = JSON.stringify({ Records: [s3Record()] })
    const envelope = { Type: 'Notification', MessageId: '1', TopicArn: 'arn:aws:sns:us-west-2:1:drop', Message }
    expect(readStoreEvents(JSON.stringify(envelope))).toEqual(read(s3Record()))
  })

  test('reads no envelope in an envelope', () => {
    const wrap = (Message: string) => JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message })
    const twice = wrap(wrap(JSON.stringify({ Records: [s3Record()] })))
    expect(readStoreEvents(twice)).toMatchObject({ refused: 'unknownForm' })
    expect(readStoreEvents(wrap('{'))).toMatchObject({ refused: 'notJson' })
  })

  test('reads an EventBridge event, and takes its key as it is', () => {
    expect(only(readStoreEvents(JSON.stringify(bridge('Object Created'))))).toEqual({
      bucket: 'drop',
      key: 'red+flower%2B.jpg',
      kind: 'created',
      sizeBytes: 5,
      etag: 'b1946ac9',
      versionId: 'IYV3',
      at: new Date('2026-08-01T12:00:00Z'),
      order: '617f08299329d189',
    })
    const removed = bridge('Object Deleted', { size: undefined, etag: undefined, 'version-id': undefined })
    const event = only(readStoreEvents(JSON.stringify(removed)))
    expect(event).toMatchObject({ kind: 'removed' })
    expect(Object.keys(event).sort()).toEqual(['at', 'bucket', 'key', 'kind', 'order'])
  })

  test('reads what RadosGW sends: the key as it is, and no version where it is empty', () => {
    expect(only(read(CEPH_PUT))).toEqual({
      bucket: 'drop',
      key: 'a b+c é%20.txt',
      kind: 'created',
      sizeBytes: 5,
      etag: '5d41402abc4b2a76b9719d911017c592',
      at: new Date('2026-11-21T07:32:51.575Z'),
      order: '6b01492322804ae3',
    })
  })

  test.each([
    ['ObjectCreated:CompleteMultipartUpload', 'created'],
    ['ObjectCreated:Copy', 'created'],
    ['s3:ObjectCreated:Put', 'created'],
    ['ObjectSynced:Create', 'created'],
    ['ObjectRemoved:Delete', 'removed'],
    ['ObjectRemoved:DeleteMarkerCreated', 'removed'],
    ['LifecycleExpiration:Delete', 'removed'],
    ['ObjectLifecycle:Expiration:Current', 'removed'],
  ])('takes %s as %s', (eventName, kind) => {
    expect(only(read(s3Record({}, { eventName })))).toMatchObject({ kind })
  })

  test.each([
    'ObjectTagging:Put',
    'ObjectAcl:Put',
    'ObjectRestore:Completed',
    'LifecycleTransition',
    'ObjectLifecycle:Expiration:AbortMultipartUpload',
    'ReducedRedundancyLostObject',
  ])('passes over %s', (eventName) => {
    expect(read(s3Record({}, { eventName }), s3Record())).toEqual(read(s3Record()))
  })

  test("passes over other EventBridge events and S3's test message", () => {
    expect(readStoreEvents(JSON.stringify(bridge('Object Tags Added')))).toEqual({ events: [] })
    const hello = { Service: 'Amazon S3', Event: 's3:TestEvent', Time: '2014-10-13T15:57:02.089Z', Bucket: 'drop' }
    expect(readStoreEvents(JSON.stringify(hello))).toEqual({ events: [] })
  })

  test.each([
    ['an empty message', '', 'notJson'],
    ['half a message', '{"Records":[', 'notJson'],
    ['null', 'null', 'unknownForm'],
    ['a list', '[]', 'unknownForm'],
    ['records that are no list', '{"Records":{}}', 'unknownForm'],
    ["another service's event", '{"source":"aws.ec2","detail-type":"Object Created"}', 'unknownForm'],
    [
      'a request to confirm a subscription',
      '{"Type":"SubscriptionConfirmation","TopicArn":"a","Message":"{}"}',
      'unknownForm',
    ],
    ['a record that is none', '{"Records":[null]}', 'badRecord'],
    ['more bytes than a queue carries', ' '.repeat(MAX_MESSAGE_BYTES + 1), 'tooLarge'],
  ])('refuses %s', (_, body, refused) => {
    expect(readStoreEvents(body)).toMatchObject({ refused })
  })

  test.each([
    ['a key that is not form-encoded', { key: '%' }, 's3'],
    ['a key that is not UTF-8', { key: '%FF' }, 's3'],
    ['an empty key', { key: '' }, 's3'],
    ['a key longer than 1,024 bytes', { key: '%C3%A9'.repeat(513) }, 's3'],
    ['half a character', { key: '\ud800' }, 'ceph'],
    ['a negative size', { size: -1 }, 's3'],
    ['a size that is no whole number', { size: 1.5 }, 's3'],
    ['a size past what can be counted', { size: 2 ** 53 }, 's3'],
    ['a size in words', { size: 'large' }, 's3'],
    ['a sequencer that is not hexadecimal', { sequencer: 'later' }, 's3'],
  ])('refuses %s', (_, object, from) => {
    const record = from === 'ceph' ? ceph('ObjectCreated:Put', '2026-11-21T07:32:51Z', object) : s3Record(object)
    expect(read(s3Record(), record)).toEqual({ refused: 'badRecord', detail: expect.stringMatching(/^record 1: /) })
  })

  test('refuses a moment that is none', () => {
    for (const eventTime of ['yesterday', '2026-13-01T00:00:00Z', 1_790_000_000, undefined]) {
      expect(read(s3Record({}, { eventTime }))).toMatchObject({ refused: 'badRecord' })
    }
  })

  test('reads a size that is written as text, and an etag in quotes', () => {
    expect(only(read(s3Record({ size: '1024', eTag: '"d41d8cd9"' })))).toMatchObject({
      sizeBytes: 1024,
      etag: 'd41d8cd9',
    })
  })

  test('reads a thousand records and no more', () => {
    const many = (count: number) => read(...Array.from({ length: count }, () => s3Record()))
    expect(many(MAX_RECORDS)).toMatchObject({ events: { length: MAX_RECORDS } })
    expect(many(MAX_RECORDS + 1)).toMatchObject({ refused: 'tooManyRecords' })
  })

  test('gives a key back as it was, whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (key) => {
        const encoded = encodeURIComponent(key).replaceAll('%20', '+')
        expect(only(read(s3Record({ key: encoded }))).key).toBe(key)
        expect(only(readStoreEvents(JSON.stringify(bridge('Object Created', { key })))).key).toBe(key)
      }),
    )
  })

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything().map((any) => String(JSON.stringify({ Records: [any] }))),
        ),
        (body) => {
          const reading = readStoreEvents(body)
          expect('events' in reading || reading.detail.length > 0).toBe(true)
        },
      ),
    )
  })
})

describe('isNewer', () => {
  const at = new Date('2026-08-01T12:00:00Z')
  const later = new Date('2026-08-01T12:00:01Z')
  const newer = (one: string | undefined, other: string | undefined) =>
    isNewer({ order: one, at }, { order: other, at })

  test('goes by the value of the sequencer, whatever its length and case', () => {
    expect(newer('617f08299329d18a', '617F08299329D189')).toBe(true)
    expect(newer('617F08299329D189', '617f08299329d18a')).toBe(false)
    expect(newer('617F08299329D189', '0055AED6DCD90281E5')).toBe(true)
    expect(newer('0055AED6DCD90281E5', '617F08299329D189')).toBe(false)
    expect(newer('A', '9')).toBe(true)
  })

  test('is false both ways for a duplicate', () => {
    expect(newer('617f08299329d189', '00617F08299329D189')).toBe(false)
    expect(newer('00617F08299329D189', '617f08299329d189')).toBe(false)
    expect(newer(undefined, undefined)).toBe(false)
  })

  test('lets the sequencer overrule the time, and the time decide where there is no sequencer', () => {
    expect(isNewer({ order: '2', at }, { order: '1', at: later })).toBe(true)
    expect(isNewer({ order: undefined, at: later }, { order: '1', at })).toBe(true)
    expect(isNewer({ order: '1', at }, { order: undefined, at: later })).toBe(false)
  })

  test("puts RadosGW's events in the order they happened, which their sequencers as sent do not", () => {
    const [put, removed] = [only(read(CEPH_PUT)), only(read(CEPH_DELETE))]
    expect(isNewer(removed, put)).toBe(true)
    expect(isNewer(put, removed)).toBe(false)
    const asSent = ({ s3, eventTime }: typeof CEPH_PUT) => ({
      order: (s3.object as { sequencer?: string }).sequencer,
      at: new Date(eventTime),
    })
    expect(isNewer(asSent(CEPH_PUT), asSent(CEPH_DELETE))).toBe(true)
  })

  test('orders any two sequencers as their values, and never both ways', () => {
    const hex = fc.stringMatching(/^[0-9a-fA-F]{1,20}$/)
    fc.assert(
      fc.property(hex, hex, (one, other) => {
        expect(newer(one, other)).toBe(BigInt(`0x${one}`) > BigInt(`0x${other}`))
      }),
    )
  })
})

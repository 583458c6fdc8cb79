import { Readable } from 'node:stream'
import { checkRange } from './byte-range.ts'
import { type GcsClient, type OpenAnswer, objectPath, open, type Watch, watchFor } from './gcs-client.ts'
import { createCrc32c } from './gcs-crc32c.ts'
import { failedOnTheWay } from './gcs-errors.ts'
import { type ByteRange, type GetOptions, type StoredObject, StoreError, type StoreKey } from './port.ts'

const GET = 'a read'

/**
 * Opens an object by one request for its media.
 *
 * A whole read is checked against the CRC32C that the service names, at its end; a range, of which no checksum is
 * known, against its length alone.
 */
export async function getObject(client: GcsClient, key: StoreKey, options: GetOptions): Promise<StoredObject> {
  const { range, signal } = options
  if (range) checkRange(range)
  const watch = watchFor(client.idleMs, signal)
  try {
    const path = objectPath(client, key)
    const headers = range && { range: rangeHeader(range) }
    const answer = await open(client, { method: 'GET', path, query: { alt: 'media' }, headers, what: GET }, watch)
    const { expected, sizeBytes, crc32c } = measureOf(answer, range !== undefined)
    return { body: checkedBody(answer.body, watch, { key, expected, crc32c }), sizeBytes }
  } catch (error) {
    watch.stop()
    const { aborted, reason } = watch.signal
    watch.abort(error)
    throw aborted ? reason : failedOnTheWay(error, GET)
  }
}

function rangeHeader({ start, end = Number.POSITIVE_INFINITY }: ByteRange): string {
  return `bytes=${start}-${Number.isFinite(end) ? end : ''}`
}

interface Measure {
  /** Bytes to come. */
  expected: number
  /** Of the whole object. */
  sizeBytes: number
  crc32c?: string
}

function measureOf({ status, headers }: OpenAnswer, ranged: boolean): Measure {
  if (ranged) {
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '')
    if (status !== 206 || !range) throw new StoreError('unavailable', 'Cloud Storage did not answer with a range')
    const [, start, end, size] = range.map(Number) as [number, number, number, number]
    return { expected: end - start + 1, sizeBytes: size }
  }
  const length = headers.get('x-goog-stored-content-length') ?? headers.get('content-length')
  if (length === null) throw new StoreError('unavailable', 'Cloud Storage did not say how long an object is')
  const crc32c = /crc32c=([^,\s]+)/.exec(headers.get('x-goog-hash') ?? '')?.[1]
  return { expected: Number(length), sizeBytes: Number(length), crc32c }
}

interface Expected {
  key: StoreKey
  expected: number
  crc32c?: string
}

/** The bytes as they come; the watch runs only while somebody waits for them. */
function checkedBody(source: Readable, watch: Watch, expected: Expected): Readable {
  const chunks = checkedChunks(source, expected)
  watch.pause()
  const stop = (error: unknown) => {
    watch.stop()
    watch.abort(error)
    source.destroy()
  }
  const body = new Readable({
    read() {
      watch.moved()
      chunks.next().then(
        ({ done, value }) => {
          watch.pause()
          this.push(done ? null : value)
        },
        (error) => this.destroy(watch.signal.aborted ? watch.signal.reason : failedOnTheWay(error, GET)),
      )
    },
    destroy(error, done) {
      stop(error ?? new StoreError('unavailable', 'The stream was closed'))
      done(error)
    },
  })
  watch.signal.addEventListener('abort', () => body.destroy(watch.signal.reason), { once: true })
  return body
}

async function* checkedChunks(source: Readable, { key, expected, crc32c }: Expected): AsyncGenerator<Buffer> {
  const sum = crc32c === undefined ? undefined : createCrc32c()
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    sum?.update(chunk)
    yield chunk as Buffer
  }
  if (bytes !== expected) throw new StoreError('corrupt', `${key} came as ${bytes} bytes of ${expected}`)
  if (sum && sum.value() !== crc32c) throw new StoreError('corrupt', `${key} is not of its checksum`)
}

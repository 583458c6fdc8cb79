import { createSha256Text, type IncrementalHash } from './sha256.ts'
import { type FileSource, readPiece } from './source.ts'

/** The part of Worker that hashing needs. */
interface HashWorker {
  onmessage: ((event: { data: { sha256?: string } }) => void) | null
  onerror: ((event: { preventDefault?: () => void }) => void) | null
  postMessage(message: unknown): void
  terminate(): void
}
type HashWorkerClass = new (url: string) => HashWorker

const STEP_BYTES = 4 * 1024 * 1024

/**
 * SHA-256 of a whole file, in hexadecimal: in browsers in a worker, so that the page stays quick, else piece by piece here.
 *
 * @throws StowageError `client.bodyUnreadable`; the signal's reason
 */
export async function hashFile(
  source: FileSource,
  createHash: () => IncrementalHash,
  signal: AbortSignal | undefined,
): Promise<string> {
  const Worker = (globalThis as { Worker?: HashWorkerClass }).Worker
  const hashed = Worker && source instanceof Blob ? await hashInWorker(Worker, source, signal) : undefined
  if (hashed !== undefined) return hashed
  const hash = createHash()
  for (let from = 0; from < source.size; from += STEP_BYTES) {
    signal?.throwIfAborted()
    hash.update(await readPiece(source.slice(from, Math.min(source.size, from + STEP_BYTES))))
  }
  return hash.digest('hex')
}

/** Its text needs no bundler and no address of its own; a page's policy may forbid it all the same. */
const workerText = `const createHash = ${createSha256Text}
onmessage = async ({ data: blob }) => {
  try {
    const hash = createHash()
    for (let from = 0; from < blob.size; from += ${STEP_BYTES}) {
      hash.update(new Uint8Array(await blob.slice(from, from + ${STEP_BYTES}).arrayBuffer()))
    }
    postMessage({ sha256: hash.digest('hex') })
  } catch {
    postMessage({})
  }
}`

/** @returns undefined where the page may have no such worker, or the worker could not read the file */
async function hashInWorker(
  Worker: HashWorkerClass,
  blob: Blob,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const url = URL.createObjectURL(new Blob([workerText], { type: 'text/javascript' }))
  let worker: HashWorker | undefined
  let stop = () => {}
  try {
    const started = new Worker(url)
    worker = started
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal?.reason)
      if (signal?.aborted) return stop()
      signal?.addEventListener('abort', stop, { once: true })
      started.onmessage = ({ data }) => resolve(data.sha256)
      started.onerror = (event) => {
        event.preventDefault?.()
        resolve(undefined)
      }
      started.postMessage(blob)
    })
  } catch (error) {
    if (signal?.aborted) throw error
    return undefined
  } finally {
    signal?.removeEventListener('abort', stop)
    worker?.terminate()
    URL.revokeObjectURL(url)
  }
}

import { createSha256 } from './sha256.ts'
import { type FileSource, readPiece } from './source.ts'

/** What must be known to go on with an upload after the program, or the page, was ended. */
export interface KeptUpload {
  uploadId: string
  /** RFC 3339; of no use after it. */
  expiresAt: string
  /** How its bytes travel. */
  road: 'parts' | 'resumable'
  /** The signed request of an upload that is one request: it is given out once. */
  request?: KeptRequest
}

export interface KeptRequest {
  method: 'PUT' | 'POST'
  url: string
  headers: Record<string, string>
}

/**
 * Where unfinished uploads are remembered, under a key that names the file and where it goes.
 * Forgetting what is not there is no error, and keeping may fail in silence: then the file is sent anew.
 */
export interface UploadMemory {
  find(key: string): Promise<KeptUpload | undefined>
  keep(key: string, upload: KeptUpload): Promise<void>
  forget(key: string): Promise<void>
}

/** The part of Storage that is needed. */
interface PageStorage {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const PREFIX = 'stowage-upload:'

/** The memory of a page, which outlives its reload; undefined outside of browsers and where the page may have none. */
export function findPageMemory(): UploadMemory | undefined {
  const page = globalThis as { document?: unknown; localStorage?: PageStorage }
  if (page.document === undefined) return undefined
  try {
    return page.localStorage && pageMemory(page.localStorage)
  } catch {
    return undefined
  }
}

export function pageMemory(storage: PageStorage): UploadMemory {
  return {
    find: async (key) => readKept(storage.getItem(PREFIX + key)),
    keep: async (key, upload) => {
      dropExpired(storage)
      try {
        storage.setItem(PREFIX + key, JSON.stringify(upload))
      } catch {
        // Full, or forbidden: this upload then begins anew after a reload.
      }
    },
    forget: async (key) => storage.removeItem(PREFIX + key),
  }
}

function dropExpired(storage: PageStorage): void {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
  for (const key of keys.filter((name) => name.startsWith(PREFIX))) {
    if (readKept(storage.getItem(key)) === undefined) storage.removeItem(key)
  }
}

/** What was kept, as text; undefined for what has expired or is damaged. */
export function readKept(text: string | null | undefined): KeptUpload | undefined {
  try {
    const kept = JSON.parse(text ?? '') as KeptUpload
    return Date.parse(kept.expiresAt) > Date.now() ? kept : undefined
  } catch {
    return undefined
  }
}

const PRINT_BYTES = 1024 * 1024

/**
 * Names a file and where it goes, in a way that is the same after a reload: by name, size, time of change, its first
 * and last MiB, and `destination`.
 *
 * @throws StowageError `client.bodyUnreadable`
 */
export async function uploadKey(source: FileSource, destination: unknown): Promise<string> {
  const { name = null, size, lastModified = null } = source
  const hash = createSha256()
  hash.update(new TextEncoder().encode(JSON.stringify([name, size, lastModified, destination])))
  hash.update(await readPiece(source.slice(0, Math.min(size, PRINT_BYTES))))
  hash.update(await readPiece(source.slice(Math.max(0, size - PRINT_BYTES), size)))
  return hash.digest('hex')
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Client, OnProgress } from '@stowage/client'
import { type Content, piecesOf } from './content.ts'
import { LocalError } from './failure.ts'

/**
 * Downloads into `<path>.part` and gives it its name once it is whole and its hash is right. What an earlier run left
 * there is gone on with, if it is of the same version.
 *
 * @throws StowageError; LocalError when the bytes are not those that the service described
 */
export async function downloadFile(
  client: Client,
  content: Content,
  path: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const part = `${path}.part`
  const kept = await findKept(part, content)
  const file = await open(part, kept ? 'r+' : 'w')
  try {
    await fill(client, content, file, part, kept, onProgress)
    await file.sync()
  } finally {
    await file.close()
  }
  const sha256 = await hashFile(part)
  if (sha256 !== content.sha256) {
    await Promise.all([rm(part), rm(notePath(part))])
    throw new LocalError(`The bytes of ${content.name} arrived damaged and were thrown away. Get it again.`)
  }
  await rename(part, path)
  await rm(notePath(part))
}

async function fill(
  client: Client,
  content: Content,
  file: FileHandle,
  part: string,
  kept: Kept | undefined,
  onProgress: OnProgress | undefined,
): Promise<void> {
  let lengthBytes = kept?.lengthBytes ?? 0
  let noted: string | undefined
  for await (const { bytes, position, etag } of piecesOf(client, content, lengthBytes, kept?.etag)) {
    if (position < lengthBytes) await file.truncate(position)
    if (noted === undefined || noted !== etag) await keepNote(part, content, etag)
    noted = etag ?? ''
    await file.writev([bytes], position)
    lengthBytes = position + bytes.byteLength
    onProgress?.({ transferredBytes: lengthBytes, totalBytes: content.sizeBytes })
  }
}

/** Bytes of an earlier run and the ETag they came under. */
interface Kept {
  lengthBytes: number
  etag: string | undefined
}

interface Note {
  assetId: string
  version: number
  sha256: string
  etag?: string
}

async function findKept(part: string, content: Content): Promise<Kept | undefined> {
  const [note, found] = await Promise.all([
    readFile(notePath(part), 'utf8').then((text) => JSON.parse(text) as Note, nothing),
    stat(part).catch(nothing),
  ])
  const same = note?.assetId === content.assetId && note.version === content.version && note.sha256 === content.sha256
  return same && found ? { lengthBytes: Math.min(found.size, content.sizeBytes), etag: note.etag } : undefined
}

function nothing(): undefined {
  return undefined
}

async function keepNote(part: string, { assetId, version, sha256 }: Content, etag: string | undefined): Promise<void> {
  await writeFile(notePath(part), JSON.stringify({ assetId, version, sha256, etag } satisfies Note))
}

function notePath(part: string): string {
  return `${part}.json`
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Source } from './port.ts'

const HAS_DESCRIPTORS = existsSync('/proc/self/fd')

export interface SampleFile {
  bytes: Buffer
  mediaType: string
  /** `sample` where it decides nothing. */
  name?: string
  charset?: string
}

/** @returns what writes files into a folder that goes when the suite has ended */
export function useSources(): (file: SampleFile) => Promise<Source> {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-source-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return async ({ bytes, mediaType, name = 'sample', charset }) => {
    const path = join(folder, randomUUID())
    await writeFile(path, bytes)
    const source: Source = { path, sizeBytes: bytes.length, mediaType, name }
    return charset === undefined ? source : { ...source, charset }
  }
}

/** The file as it is when it ends early: so many times along its length, and at its very ends. */
export function cutShort(bytes: Buffer, count: number): Buffer[] {
  const along = Array.from({ length: count }, (_, index) => Math.floor((bytes.length * index) / count))
  return [...new Set([...along, 1, 2, 3, bytes.length - 1])].map((end) => bytes.subarray(0, end))
}

/** No descriptor of this process is open on the file. */
export async function expectClosed({ path }: Pick<Source, 'path'>): Promise<void> {
  if (!HAS_DESCRIPTORS) return
  const open = await Promise.all(
    (await readdir('/proc/self/fd')).map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => '')),
  )
  expect(open).not.toContain(path)
}

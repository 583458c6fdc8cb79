import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readKept, type UploadMemory } from '@stowage/client'

/** Unfinished uploads, each in a file of its own in this folder. What cannot be written is not remembered. */
export function uploadNotes(folder: string): UploadMemory {
  const pathOf = (key: string) => join(folder, `${key}.json`)
  return {
    find: async (key) => readKept(await readFile(pathOf(key), 'utf8').catch(() => undefined)),
    async keep(key, upload) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await dropExpired(folder)
        // It may hold a signed request, which is as good as a key for this upload.
        const fresh = `${pathOf(key)}.${process.pid}.new`
        await writeFile(fresh, JSON.stringify(upload), { mode: 0o600 })
        await rename(fresh, pathOf(key))
      } catch {
        // The upload goes on: interrupted, it would begin anew.
      }
    },
    forget: (key) => rm(pathOf(key), { force: true }),
  }
}

async function dropExpired(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((name) => name.endsWith('.json'))) {
    const path = join(folder, name)
    if (readKept(await readFile(path, 'utf8').catch(() => undefined)) === undefined) await rm(path, { force: true })
  }
}

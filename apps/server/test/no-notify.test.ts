import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const FOLDERS = ['../src', '../migrations'].map((folder) => join(import.meta.dirname, folder))

/** A transaction that notifies holds a lock of the whole database while it commits: one tenant after the other. */
test('no statement of the service notifies anybody (R7)', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|sql)$/.test(name))
      .map((name) => join(folder, name)),
  )
  expect(files.length).toBeGreaterThan(100)
  expect(files.filter((file) => /\bnotify\b|\bpg_notify\b/i.test(readFileSync(file, 'utf8')))).toEqual([])
})

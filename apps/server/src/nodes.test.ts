import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { configFor } from '../test/service.ts'
import { createTestDatabase, type TestDatabase } from '../test/test-database.ts'
import { joinNodes } from './nodes.ts'
import { createPool } from './platform/database/connect.ts'

const log = pino({ level: 'silent' })
let database: TestDatabase
let sweep: pg.Pool
const folders: string[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  sweep = createPool(database.sweep, 1, () => {})
})
beforeEach(async () => {
  for (let count = 0; count < 2; count++) folders.unshift(await mkdtemp(join(tmpdir(), 'stowage-nodes-')))
})
afterAll(async () => {
  await sweep.end()
  await database.drop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

function joinIn(folder: string, fallbackStoreId: string | undefined) {
  return joinNodes(sweep, configFor(folder), fallbackStoreId, log)
}

test('a second node with a data folder of its own may not fall back to its own disk', async () => {
  const [one, other] = folders as [string, string]
  const leave = await joinIn(one, 'local')
  await expect(joinIn(other, 'local')).rejects.toThrow(/STOWAGE_FALLBACK_STORE: 1 other node serves/)
  await leave()
  const leaveOther = await joinIn(other, 'local')
  await leaveOther()
})

test.each(['database', undefined])('several nodes may fall back to %s', async (fallbackStoreId) => {
  const [one, other] = folders as [string, string]
  const leaves = [await joinIn(one, fallbackStoreId), await joinIn(other, fallbackStoreId)]
  for (const leave of leaves) await leave()
})

test('processes that share a data folder are one to the others', async () => {
  const [one] = folders as [string, string]
  const leaves = [await joinIn(one, 'local'), await joinIn(one, 'local')]
  for (const leave of leaves) await leave()
})

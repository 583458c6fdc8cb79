import { randomUUID } from 'node:crypto'
import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { SettingsError } from './platform/settings.ts'
import { LOCAL_STORE } from './stores.ts'

const BEAT_MS = 20_000
const GONE_AFTER_SECONDS = 90

/**
 * Counts this process among those that serve. Several nodes that do not share a data folder cannot fall back to a disk
 * that only one of them reads.
 *
 * @returns takes it out again
 * @throws SettingsError when the fallback would lie on one node's own disk
 */
export async function joinNodes(
  sweep: pg.Pool,
  config: Config,
  fallbackStoreId: string | undefined,
  log: Logger,
): Promise<() => Promise<void>> {
  const node = randomUUID()
  const dataId = await dataIdOf(config.data)
  const see = async () => {
    const text = 'select api.see_node($1, $2, $3) as others'
    const { rows } = await sweep.query<{ others: number }>(text, [node, dataId, GONE_AFTER_SECONDS])
    return Number(rows[0]?.others ?? 0)
  }
  const others = await see()
  if (others > 0 && fallbackStoreId === LOCAL_STORE) {
    await forget(sweep, node)
    throw new SettingsError([
      `STOWAGE_FALLBACK_STORE: ${others} other node${others > 1 ? 's serve' : ' serves'} this database from another data folder and could not read what falls back to this one's disk; name a store that all of them share, such as database or a second bucket, or none`,
    ])
  }
  const timer = setInterval(() => {
    see().catch((error) => log.warn({ err: error }, 'the sign of life could not be given'))
  }, BEAT_MS)
  return async () => {
    clearInterval(timer)
    await forget(sweep, node).catch((error) => log.warn({ err: error }, 'the node stays listed for a while'))
  }
}

async function forget(sweep: pg.Pool, node: string): Promise<void> {
  await sweep.query('select api.forget_node($1)', [node])
}

/** Names the data folder, which several processes may share. */
async function dataIdOf(data: string): Promise<string> {
  const path = join(data, 'data-id')
  const own = `${path}.${randomUUID()}`
  await writeFile(own, randomUUID(), { mode: 0o600 })
  // Whole at once, and the first one to come names it.
  await link(own, path).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await unlink(own)
  return readFile(path, 'utf8')
}

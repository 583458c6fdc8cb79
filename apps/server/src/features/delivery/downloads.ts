import type { Logger } from 'pino'
import type { Db } from '../../platform/database/connect.ts'
import { addDownloads } from './delivery.sql.ts'

/** Counts downloads without making one wait: in memory, written every half second. */
export interface DownloadCounter {
  /** Ranges of one client within ten minutes count once. */
  count(tenantId: string, assetId: string, client: string, at: Date): void
  flush(): Promise<void>
  stop(): Promise<void>
}

const FLUSH_EVERY_MS = 500
const SAME_DOWNLOAD_MS = 10 * 60 * 1000
const MAX_REMEMBERED = 100_000

type InTenant = <Result>(tenantId: string, work: (db: Db) => Promise<Result>) => Promise<Result>

export function createDownloadCounter(inTenant: InTenant, log: Logger): DownloadCounter {
  const recent = new Map<string, number>()
  let waiting = new Map<string, Map<string, { count: number; lastAt: Date }>>()

  async function flush(): Promise<void> {
    const taken = waiting
    waiting = new Map()
    for (const [tenantId, assets] of taken) {
      const downloads = [...assets].map(([assetId, each]) => ({ assetId, ...each }))
      await inTenant(tenantId, (db) => addDownloads(db, tenantId, downloads)).catch((error) => {
        log.error({ err: error, downloads: downloads.length }, 'downloads could not be counted')
      })
    }
  }

  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS)
  return {
    count(tenantId, assetId, client, at) {
      const name = `${assetId} ${client}`
      const before = recent.get(name)
      const again = before !== undefined && at.getTime() - before < SAME_DOWNLOAD_MS
      recent.delete(name)
      recent.set(name, again ? before : at.getTime())
      if (recent.size > MAX_REMEMBERED) recent.delete(recent.keys().next().value as string)
      const assets = waiting.get(tenantId) ?? new Map<string, { count: number; lastAt: Date }>()
      waiting.set(tenantId, assets)
      const known = assets.get(assetId)
      assets.set(assetId, { count: (known?.count ?? 0) + (again ? 0 : 1), lastAt: at })
    },
    flush,
    async stop() {
      clearInterval(timer)
      await flush()
    },
  }
}

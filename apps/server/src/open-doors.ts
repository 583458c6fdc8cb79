import type { Logger } from 'pino'
import type { App } from './app.ts'
import type { Config } from './config.ts'
import { startHttp } from './doors/http/server.ts'
import type { Uploads } from './features/uploads/room.ts'
import type { Foundation } from './foundation.ts'
import { joinNodes } from './nodes.ts'

/** Begins to work in the background. @returns takes no more work, and waits for what is under way */
export type BeginWork = (app: App, config: Config, foundation: Foundation, log: Logger) => Promise<() => Promise<void>>

/**
 * Opens the doors of an app that it is to have. Stops in the opposite order, also when one cannot be opened: no new
 * requests, no new jobs, then what both use.
 */
export async function openDoors(
  app: App,
  config: Config,
  foundation: Foundation,
  log: Logger,
  doing: { http: boolean; work: BeginWork | undefined },
) {
  const stops: (() => Promise<void>)[] = [foundation.stop, app.close]
  const stop = async () => {
    for (let each = stops.pop(); each; each = stops.pop()) await each()
  }
  try {
    stops.push(await joinNodes(app.pools.sweep, config, ownDiskFallback(config, app.uploads.options), log))
    if (doing.work) stops.push(await doing.work(app, config, foundation, log))
    const http = doing.http ? await startHttp(app, config, log) : undefined
    if (http) stops.push(http.stop)
    return { url: http?.url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Where files lie that were meant for elsewhere: the store to fall back to, or local disk for want of credentials. */
function ownDiskFallback(config: Config, { storeId, fallbackStoreId }: Uploads['options']): string | undefined {
  return storeId === config.store ? fallbackStoreId : storeId
}

import type pg from 'pg'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { webhookKey } from './domain/standard-webhook.ts'
import type { StoreEvents } from './features/stores/room.ts'
import type { Uploads } from './features/uploads/room.ts'
import type { MessageQueue } from './providers/events/port.ts'
import { configured } from './stores.ts'
import type { Tally } from './tally.ts'

/** What tells us of stores, put together from the settings. */
export function createStoreEvents(
  config: Config,
  uploads: Uploads,
  sweep: pg.Pool,
  tally: Tally,
  log: Logger,
): StoreEvents {
  const byBucket = Map.groupBy(s3Stores(config), ([, { bucket }]) => String(bucket))
  return {
    platform: uploads.platform,
    uploads,
    sweep,
    storesIn: (bucket) => byBucket.get(bucket)?.map(([storeId]) => storeId) ?? [],
    inbox: config.inbox,
    secret: config.storeEventsSecret === undefined ? undefined : webhookKey(config.storeEventsSecret),
    onEvent: tally.storeEvent,
    log,
  }
}

/** The queue that the settings name; the SDK is loaded only where there is one. */
export async function openEventsQueue(config: Config): Promise<MessageQueue | undefined> {
  const url = config.storeEventsQueue
  if (url === undefined) return undefined
  const { openSqsQueue } = await import('./providers/events/sqs.ts')
  const [, store = {}] = s3Stores(config)[0] ?? []
  const [accessKeyId, secretAccessKey, sessionToken, region] = [
    store['accessKeyId'],
    store['secretAccessKey'],
    store['sessionToken'],
    config.region ?? store['region'],
  ].map((value) => (typeof value === 'string' ? value : undefined))
  const credentials = accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined
  return openSqsQueue({ url, region, credentials })
}

function s3Stores(config: Config) {
  return configured(config).filter(([, { kind }]) => kind === 's3')
}

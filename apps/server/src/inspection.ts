import type { Logger } from 'pino'
import type { Config } from './config.ts'
import {
  type Inspection,
  quarantineStep,
  scanGivenUp,
  scanStep,
  type WatchedScanner,
  watchScanner,
} from './features/inspection/room.ts'
import type { Uploads } from './features/uploads/room.ts'
import { pruneByRule } from './features/versions/room.ts'
import { createClamd } from './providers/scanners/clamd.ts'

const CONNECT_TIMEOUT_MS = 5000
const ANSWER_TIMEOUT_MS = 120_000

/** The scanner that the settings name, if they name one. */
export function openScanner(config: Config, log: Logger): WatchedScanner | undefined {
  if (config.clamd === undefined) return undefined
  const clamd = createClamd({
    address: config.clamd,
    places: config.clamdPlaces,
    limitBytes: config.clamdMaxBytes,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  })
  return watchScanner(clamd, { waitMs: config.scanWaitSeconds * 1000 }, log)
}

/** The pipeline: every step there is, by name. */
export function createInspection(
  config: Config,
  uploads: Uploads,
  scanner: WatchedScanner | undefined,
  log: Logger,
): Inspection {
  const { platform } = uploads
  const { releaseDelaySeconds } = config
  return {
    platform,
    uploads,
    scanner,
    steps: {
      scan: scanStep(uploads, scanner),
      quarantine: quarantineStep(platform, config.quarantineStore ?? uploads.options.storeId),
      prune: async ({ tenant_id: tenantId, asset_id: assetId }) => ({
        state: 'done',
        apply: (db) => pruneByRule(db, tenantId, assetId, releaseDelaySeconds),
      }),
    },
    onDead: { scan: scanGivenUp },
    log,
  }
}

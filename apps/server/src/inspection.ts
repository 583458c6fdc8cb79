import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import {
  extractStep,
  type Inspection,
  quarantineStep,
  scanGivenUp,
  scanStep,
  type WatchedScanner,
  watchScanner,
} from './features/inspection/room.ts'
import type { Uploads } from './features/uploads/room.ts'
import { pruneByRule } from './features/versions/room.ts'
import { createSandbox, type Sandbox } from './platform/sandbox/sandbox.ts'
import { createClamd } from './providers/scanners/clamd.ts'
import { readerOf } from './readers.ts'

const EXTRACT_CHILD = fileURLToPath(import.meta.resolve('./extract-child.ts'))
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

/** A sandbox that is made when it is first needed, and closed if it was. */
export function lazySandbox() {
  let made: Promise<Sandbox> | undefined
  return {
    get: () => {
      made ??= createSandbox().catch((error) => {
        // What could not be made now may be made later.
        made = undefined
        throw error
      })
      return made
    },
    close: async () => (await made?.catch(() => undefined))?.close(),
  }
}

/** The pipeline: every step there is, by name. */
export function createInspection(
  config: Config,
  uploads: Uploads,
  scanner: WatchedScanner | undefined,
  sandbox: () => Promise<Sandbox>,
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
      quarantine: quarantineStep(platform, config.quarantineStore ?? uploads.options.storeId, uploads.inspector.reads),
      extract: extractStep(uploads, { sandbox, child: EXTRACT_CHILD, readerOf }),
      prune: ({ tenant_id: tenantId, asset_id: assetId }, _signal, end) =>
        end({ state: 'done', apply: (db) => pruneByRule(db, tenantId, assetId, releaseDelaySeconds) }),
    },
    onDead: { scan: scanGivenUp },
    log,
  }
}

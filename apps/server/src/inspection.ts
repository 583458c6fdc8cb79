import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import {
  classifyStep,
  extractStep,
  type Inspection,
  quarantineStep,
  scanGivenUp,
  scanStep,
  thenTranscribe,
  transcribeStep,
  type WatchedScanner,
  watchScanner,
} from './features/inspection/room.ts'
import type { Uploads } from './features/uploads/room.ts'
import { type Variants, variantsStep } from './features/variants/room.ts'
import { pruneByRule } from './features/versions/room.ts'
import { findProgram } from './platform/sandbox/programs.ts'
import { createSandbox, type Sandbox } from './platform/sandbox/sandbox.ts'
import { SettingsError } from './platform/settings.ts'
import { tesseract } from './providers/extractors/tesseract.ts'
import { converterOf } from './providers/previewers/programs.ts'
import { createClamd } from './providers/scanners/clamd.ts'
import { createCommandTranscriber } from './providers/transcribers/command.ts'
import { createOpenaiTranscriber } from './providers/transcribers/openai.ts'
import type { Transcriber } from './providers/transcribers/port.ts'
import { readerOf } from './readers.ts'

const EXTRACT_CHILD = fileURLToPath(import.meta.resolve('./extract-child.ts'))
const CONNECT_TIMEOUT_MS = 5000
/** Longer than clamd itself looks at most files (MaxScanTime, two minutes by default), so that it says so first. */
const ANSWER_TIMEOUT_MS = 130_000

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

/** How files are read here: by what is installed, within what the settings say. */
export function extractionOf(config: Config, sandbox: () => Promise<Sandbox>) {
  const { ocrPages: pages, ocrLanguages: languages } = config
  const recognition = { recognizer: tesseract, pages, ...(languages && { languages }) }
  return { sandbox, child: EXTRACT_CHILD, readerOf, converterOf, recognition, findProgram }
}

/** Who transcribes recordings, if the settings name anybody. */
function openTranscriber(config: Config): Transcriber | undefined {
  const { transcribeUrl: url, transcribeKey: key, transcribeModel: model, transcribeMaxBytes: maxFileBytes } = config
  const { transcribeCommand: command } = config
  if (url !== undefined && command !== undefined)
    throw new SettingsError(['STOWAGE_TRANSCRIBE_COMMAND: not beside STOWAGE_TRANSCRIBE_URL; one of them transcribes'])
  if (url !== undefined) return createOpenaiTranscriber({ url, key, model, maxFileBytes })
  return command && createCommandTranscriber({ command })
}

/** The pipeline: every step there is, by name. */
export function createInspection(
  config: Config,
  uploads: Uploads,
  scanner: WatchedScanner | undefined,
  variants: Variants,
  log: Logger,
): Inspection {
  const { sandbox } = variants
  const { platform } = uploads
  const { releaseDelaySeconds } = config
  const extract = extractStep(uploads, extractionOf(config, sandbox))
  const transcriber = openTranscriber(config)
  return {
    platform,
    uploads,
    scanner,
    steps: {
      scan: scanStep(uploads, scanner),
      quarantine: quarantineStep(platform, config.quarantineStore ?? uploads.options.storeId, uploads.inspector),
      variants: variantsStep(variants),
      extract: transcriber ? thenTranscribe(extract) : extract,
      transcribe: transcribeStep(uploads, { sandbox, transcriber }),
      classify: classifyStep(platform),
      prune: ({ tenant_id: tenantId, asset_id: assetId }, _signal, end) =>
        end({ state: 'done', apply: (db) => pruneByRule(db, tenantId, assetId, releaseDelaySeconds) }),
    },
    onDead: { scan: scanGivenUp(scanner) },
    log,
  }
}

import { z } from 'zod'
import { list, page, timestamp } from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'
import { assetId, ofAsset, versionNumber } from './assets.ts'

const stepName = z.enum(['scan', 'quarantine', 'extract', 'variants', 'transcribe', 'classify', 'prune'])

const step = z.object({
  name: stepName,
  version: z.number().int(),
  state: z
    .enum(['waiting', 'running', 'done', 'skipped', 'dead'])
    .describe('`dead`: given up; it can be asked for again'),
  attempts: z.number().int(),
  reason: z.string().nullable().describe('What it found, or why it failed or was skipped'),
  durationMs: z.number().nullable(),
  dueAt: timestamp.nullable().describe('When it runs next'),
  updatedAt: timestamp,
})

const quarantineId = id('quarantine')
const ofEntry = (input: { quarantineId: string }) => [input.quarantineId]
const reason = z.string().trim().min(3).max(1000).describe('Kept with the entry and in the audit trail')

const quarantined = z.object({
  id: quarantineId,
  state: z.enum(['held', 'released', 'purged']),
  finding: z.string().describe('As the scanner calls it'),
  signatures: z.string().describe('What the scanner knew when it found it'),
  sha256: z.string(),
  sizeBytes: z.number(),
  name: z.string().describe('What the file was called when it was found'),
  assetIds: z.array(id('asset')).describe('Whose versions hold these bytes now, at most a hundred'),
  foundAt: timestamp,
  endedAt: timestamp.nullable(),
  endedBy: z.union([id('member'), id('apiKey')]).nullable(),
  reason: z.string().nullable(),
})

const progress = {
  state: z
    .enum(['ready', 'waiting', 'failed', 'none'])
    .describe('`waiting`: it is yet to be read; `none`: nothing here reads such files, or it was not asked for'),
  cutShort: z.string().nullable().describe('Why not everything was read'),
}

const textPart = z.object({
  part: z.number().int(),
  page: z.number().int().nullable().describe('Of a page, slide or chapter, from 1'),
  label: z.string().nullable().describe('What the part is called: the name of a sheet, `header`, `notes`'),
  fromMs: z.number().int().nullable(),
  toMs: z.number().int().nullable(),
  text: z.string(),
})

const cell = z.union([z.null(), z.string(), z.number(), z.boolean(), z.object({ date: z.string() })])

const facts = z.object({
  title: z.string().optional(),
  author: z.string().optional(),
  subject: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  language: z.string().optional(),
  createdAt: z.string().optional(),
  modifiedAt: z.string().optional(),
  producer: z.string().optional(),
  pageCount: z.number().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  orientation: z.number().optional(),
  durationMs: z.number().optional(),
})

const ofVersion = z.strictObject({ assetId, version: versionNumber.optional() })

/** Why what a version says is not told: as little as its bytes are given. */
const unreadable = [
  'asset.notFound',
  'version.notFound',
  'asset.notReadable',
  'asset.quarantined',
  'asset.trashed',
] as const

const judgement = {
  method: 'POST',
  action: 'quarantine.manage',
  input: z.strictObject({ quarantineId, reason }),
  output: quarantined,
  status: 200,
  problems: ['quarantine.notFound', 'quarantine.ended'],
  subject: ofEntry,
} as const

export const inspectionOperations = {
  'assets.text': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/text',
    action: 'assets.read',
    summary: 'Read the text of a version, with the places where it stands',
    input: ofVersion.extend({ cursor: page.cursor }),
    output: list(textPart).extend({ ...progress, chars: z.number().describe('Of the whole text') }),
    problems: [...unreadable, 'cursor.invalid'],
    subject: ofAsset,
  }),
  'assets.rows': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/rows',
    action: 'assets.read',
    summary: 'Read rows of a spreadsheet, sheet by sheet',
    input: ofVersion.extend({
      sheet: z.coerce.number().int().min(0).default(0).describe('Counted from 0'),
      first: z.coerce.number().int().min(0).default(0).describe('The first row to read, counted from 0'),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    output: z.object({
      sheets: z.array(
        z.object({
          sheet: z.number().int(),
          name: z.string(),
          hidden: z.boolean(),
          rowCount: z.number().int(),
          columns: z.array(
            z.object({
              header: z.string().nullable().describe('What its first row calls it'),
              type: z.enum(['empty', 'text', 'number', 'boolean', 'date', 'mixed']),
            }),
          ),
        }),
      ),
      sheet: z.number().int(),
      items: z.array(z.object({ row: z.number().int(), cells: z.array(cell) })),
      ...progress,
    }),
    problems: [...unreadable, 'sheet.notFound'],
    subject: ofAsset,
  }),
  'assets.metadata': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/metadata',
    action: 'assets.read',
    summary: 'Read what a version says of itself, and what is measured of it',
    input: ofVersion,
    output: z.object({
      extracted: facts.describe('Dates are ISO 8601, sizes in pixels'),
      more: z.record(z.string(), z.unknown()).describe("By the format's own names"),
      effective: facts.describe("The same, where the caller's title, author, language and dates win"),
      category: z
        .object({
          name: z.string(),
          confidence: z.number().describe('From 0 to 1'),
          by: z.enum(['person', 'content']),
          why: z.array(z.string()),
        })
        .nullable()
        .describe('What kind of document it is; one that was said of the asset wins'),
      attachments: z.array(z.object({ name: z.string(), mediaType: z.string(), sizeBytes: z.number() })),
      extractor: z.object({ id: z.string(), version: z.number() }).nullable(),
      ...progress,
    }),
    problems: unreadable,
    subject: ofAsset,
  }),
  'assets.findings': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/findings',
    action: 'assets.read',
    summary: 'List personal data, payment data and secrets found in the text of a version, masked',
    input: ofVersion,
    output: z.object({
      items: z.array(
        z.object({
          kind: z.enum(['paymentCard', 'iban', 'email', 'phone', 'nationalId', 'secret']),
          detail: z.string().nullable().describe('The country, the network of a card, or what a secret opens'),
          part: z.number().int().describe('Of the text'),
          page: z.number().int().nullable(),
          at: z.number().int().describe('Where it begins in the part, in UTF-16 units'),
          length: z.number().int(),
          confidence: z.number().describe('From 0 to 1, by its form alone'),
          masked: z.string(),
        }),
      ),
      ...progress,
    }),
    problems: unreadable,
    subject: ofAsset,
  }),
  'steps.list': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/steps',
    action: 'assets.read',
    summary: 'List what the pipeline has done with a version, and what it has yet to do',
    input: ofVersion,
    output: z.object({ items: z.array(step) }),
    problems: ['asset.notFound'],
    subject: ofAsset,
  }),
  'steps.retry': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/steps/{step}/retry',
    action: 'assets.edit',
    summary: 'Have a step of the pipeline done again',
    input: z.strictObject({ assetId, step: stepName, version: versionNumber.optional() }),
    output: step,
    status: 202,
    problems: ['asset.notFound', 'version.notFound'],
    subject: ofAsset,
  }),
  'quarantine.list': operation({
    method: 'GET',
    path: '/v1/quarantine',
    action: 'quarantine.manage',
    summary: 'List what was found to be harmful, newest first',
    input: z.strictObject({ state: z.enum(['held', 'released', 'purged']).optional(), ...page }),
    output: list(quarantined),
    problems: ['cursor.invalid'],
  }),
  'quarantine.release': operation({
    ...judgement,
    path: '/v1/quarantine/{quarantineId}/release',
    summary: 'Release a false positive; the finding is not believed of these bytes again',
  }),
  'quarantine.revoke': operation({
    ...judgement,
    path: '/v1/quarantine/{quarantineId}/revoke',
    summary: 'Take a release back: the bytes go into quarantine again',
  }),
  'quarantine.purge': operation({
    method: 'DELETE',
    path: '/v1/quarantine/{quarantineId}',
    action: 'quarantine.manage',
    summary: 'Remove every version that holds these bytes, for good',
    input: z.strictObject({ quarantineId }),
    output: z.undefined(),
    problems: ['quarantine.notFound', 'quarantine.ended'],
    subject: ofEntry,
  }),
  'securityReports.get': operation({
    method: 'GET',
    path: '/v1/security-report',
    action: 'quarantine.manage',
    summary: 'Report what was scanned and found in a period, the last 30 days by default',
    input: z.strictObject({ from: timestamp.optional(), to: timestamp.optional() }),
    output: z.object({
      from: timestamp,
      to: timestamp,
      files: z
        .object({
          clean: z.number(),
          infected: z.number(),
          pending: z.number(),
          notScanned: z.number(),
          error: z.number(),
        })
        .describe('Distinct contents that came in within the period, by what is known of them now'),
      notScannedReasons: z.record(z.string(), z.number()),
      found: z.number(),
      held: z.number(),
      released: z.number(),
      purged: z.number(),
      findings: z.array(z.object({ finding: z.string(), count: z.number() })),
      entries: z.array(quarantined).describe('The newest thousand'),
    }),
  }),
}

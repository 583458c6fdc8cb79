import { z } from 'zod'
import { list, page, timestamp } from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'
import { assetId, ofAsset, versionNumber } from './assets.ts'

const stepName = z.enum(['scan', 'quarantine', 'prune'])

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

export const inspectionOperations = {
  'steps.list': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/steps',
    action: 'assets.read',
    summary: 'List what the pipeline has done with a version, and what it has yet to do',
    input: z.strictObject({ assetId, version: versionNumber.optional() }),
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
    method: 'POST',
    path: '/v1/quarantine/{quarantineId}/release',
    action: 'quarantine.manage',
    summary: 'Release a false positive; the finding is not believed of these bytes again',
    input: z.strictObject({ quarantineId, reason }),
    output: quarantined,
    status: 200,
    problems: ['quarantine.notFound', 'quarantine.ended'],
    subject: ofEntry,
  }),
  'quarantine.revoke': operation({
    method: 'POST',
    path: '/v1/quarantine/{quarantineId}/revoke',
    action: 'quarantine.manage',
    summary: 'Take a release back: the bytes go into quarantine again',
    input: z.strictObject({ quarantineId, reason }),
    output: quarantined,
    status: 200,
    problems: ['quarantine.notFound', 'quarantine.ended'],
    subject: ofEntry,
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

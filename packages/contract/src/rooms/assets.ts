import { z } from 'zod'
import {
  assetState,
  classification,
  flag,
  foreignId,
  list,
  name,
  page,
  sha256,
  tag,
  timestamp,
  typeName,
  visibility,
} from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'
import type { ProblemCode } from '../problems.ts'

export const scan = z.object({
  status: z.enum(['pending', 'clean', 'infected', 'not_scanned', 'error']),
  reason: z.string().nullable(),
  text: z.string().describe('The result in words'),
})

const links = z.strictObject({
  scanResultId: foreignId.nullable().optional(),
  callId: foreignId.nullable().optional(),
  sessionId: foreignId.nullable().optional(),
})

const metadataValue = z.union([z.string().max(2000), z.number(), z.boolean(), z.null()])
export const metadata = z
  .record(z.string().min(1).max(64), metadataValue)
  .refine((fields) => Object.keys(fields).length <= 64, 'at most 64 fields')
  .describe('Free fields; title, author and dates given here win over extracted ones')

const copy = z.object({
  id: id('copy'),
  store: z.string(),
  key: z.string(),
  state: z.enum(['writing', 'live', 'releasing', 'gone']),
  storageClass: z.string(),
})

export const asset = z.object({
  id: id('asset'),
  organizationId: id('organization'),
  name,
  assetType: typeName,
  mediaType: z.string(),
  sizeBytes: z.number(),
  sha256,
  version: z.number().int(),
  visibility,
  state: assetState,
  processingState: z.enum(['processing', 'ready', 'failed']),
  scan,
  ownerId: z.union([id('member'), id('apiKey')]).nullable(),
  projectId: foreignId.nullable(),
  folder: z.string().nullable(),
  category: z.string().nullable(),
  classification: classification.nullable(),
  tags: z.array(tag),
  metadata,
  links: z.object({
    scanResultId: foreignId.nullable(),
    callId: foreignId.nullable(),
    sessionId: foreignId.nullable(),
  }),
  createdAt: timestamp,
  updatedAt: timestamp,
  expiresAt: timestamp.nullable(),
  trashedAt: timestamp.nullable(),
  purgeAfter: timestamp.nullable(),
  retainUntil: timestamp.nullable(),
  held: z.boolean(),
  downloadCount: z.number(),
  lastAccessedAt: timestamp.nullable(),
  url: z.url(),
  publicUrl: z.url().nullable(),
  cdnUrl: z.url().nullable(),
  copies: z.array(copy).optional().describe('To administrators, when one asset is read'),
})

export const version = z.object({
  assetId: id('asset'),
  version: z.number().int(),
  current: z.boolean(),
  name,
  mediaType: z.string(),
  sizeBytes: z.number(),
  sha256,
  madeFrom: z.number().int().nullable().describe('The version that this one repeats'),
  createdBy: z.union([id('member'), id('apiKey')]).nullable(),
  createdAt: timestamp,
})

const folder = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^/\p{Cc}]+(\/[^/\p{Cc}]+)*$/u, 'must be names joined by /')

/** What a caller may say of an asset, at upload and later. */
export const writable = {
  name,
  visibility,
  projectId: foreignId.nullable(),
  folder: folder.nullable(),
  category: z.string().min(1).max(64).nullable(),
  classification: classification.nullable(),
  tags: z.array(tag).max(50),
  metadata,
  links,
  expiresAt: timestamp.nullable(),
}

/** Fields of an upload beside the bytes; as form fields, `tags`, `metadata` and `links` are JSON text. */
export const uploadFields = z.strictObject({
  ...z.object(writable).partial().shape,
  assetType: typeName.optional(),
  sha256: sha256.optional().describe('Refused unless the bytes have this hash'),
})
export type UploadFields = z.output<typeof uploadFields>

const generatedContent = z.string().min(1).max(10_000_000)
/** A text made by a program: `POST /v1/assets` with JSON. */
export const generatedText = uploadFields.extend({ content: generatedContent })

export const uploadProblems: ProblemCode[] = [
  'request.stalled',
  'request.aborted',
  'upload.empty',
  'upload.tooLarge',
  'upload.typeNotAllowed',
  'upload.typeMismatch',
  'upload.archiveRefused',
  'upload.imageRefused',
  'upload.digestMismatch',
  'upload.nameInvalid',
  'upload.fileMissing',
  'upload.fieldsAfterFile',
  'upload.scanFound',
  'upload.lost',
  'recording.exists',
  'recording.busy',
  'quota.exceeded',
  'assetType.notFound',
  'store.full',
  'store.unavailable',
  'idempotency.keyReused',
  'idempotency.inFlight',
]

export const assetId = id('asset')
export const ofAsset = (input: { assetId: string }) => [input.assetId]
export const versionNumber = z.coerce.number().int().min(1).max(2_147_483_647)

const filters = {
  type: typeName.optional(),
  owner: z.union([id('member'), id('apiKey'), z.literal('none'), z.literal('me')]).optional(),
  project: foreignId.optional(),
  scanResult: foreignId.optional(),
  call: foreignId.optional(),
  session: foreignId.optional(),
  tag: tag.optional(),
  folder: folder.optional().describe('This folder and those below it'),
  category: z.string().max(64).optional(),
  classification: classification.optional(),
  visibility: visibility.optional(),
  state: assetState.optional().describe('Default: active'),
  mediaType: z.string().max(127).optional(),
  name: z.string().min(1).max(255).optional().describe('Names that start with this'),
  createdAfter: timestamp.optional(),
  createdBefore: timestamp.optional(),
}

/** Of operations that answer with bytes. */
export const contentProblems: ProblemCode[] = [
  'asset.notFound',
  'version.notFound',
  'asset.trashed',
  'asset.quarantined',
  'asset.notReadable',
  'range.notSatisfiable',
  'content.missing',
  'content.corrupt',
  'store.unavailable',
  'signedUrl.malformed',
  'signedUrl.expired',
  'signedUrl.tampered',
  'signedUrl.revoked',
  'signedUrl.usedUp',
  'signedUrl.wrongAddress',
  'precondition.failed',
]

export const assetOperations = {
  'assets.create': operation({
    method: 'POST',
    path: '/v1/assets',
    action: 'assets.create',
    summary: 'Upload a file (form, raw body) or save a generated text (JSON)',
    input: uploadFields,
    output: asset,
    problems: uploadProblems,
    preconditions: ['idempotencyKey'],
    bytes: 'in',
  }),
  'assets.list': operation({
    method: 'GET',
    path: '/v1/assets',
    action: 'assets.read',
    summary: 'List assets, newest first',
    input: z.strictObject({
      ...filters,
      sort: z.enum(['createdAt', 'updatedAt', 'name', 'sizeBytes']).default('createdAt'),
      order: z.enum(['asc', 'desc']).default('desc'),
      ...page,
    }),
    output: list(asset),
    problems: ['cursor.invalid'],
  }),
  'assets.get': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}',
    action: 'assets.read',
    summary: 'Read an asset',
    input: z.strictObject({ assetId }),
    output: asset,
    problems: ['asset.notFound'],
    subject: ofAsset,
  }),
  'assets.update': operation({
    method: 'PATCH',
    path: '/v1/assets/{assetId}',
    action: 'assets.edit',
    summary: 'Change what is said of an asset; archive it or bring it back',
    input: z.strictObject({
      assetId,
      ...z.object(writable).partial().shape,
      state: z.enum(['active', 'archived']).optional(),
    }),
    output: asset,
    problems: ['asset.notFound', 'asset.trashed', 'asset.quarantined', 'upload.nameInvalid', 'precondition.failed'],
    subject: ofAsset,
    preconditions: ['ifMatch'],
  }),
  'assets.delete': operation({
    method: 'DELETE',
    path: '/v1/assets/{assetId}',
    action: 'assets.delete',
    summary: 'Move an asset to the trash, or with purge=true remove it and all its bytes for good',
    input: z.strictObject({ assetId, purge: flag.default(false) }),
    output: z.undefined(),
    problems: ['asset.notFound', 'precondition.failed'],
    subject: ofAsset,
    preconditions: ['ifMatch'],
  }),
  'assets.restore': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/restore',
    action: 'assets.delete',
    summary: 'Bring an asset back from the trash',
    input: z.strictObject({ assetId }),
    output: asset,
    status: 200,
    problems: ['asset.notFound', 'asset.notTrashed'],
    subject: ofAsset,
  }),
  'assets.content': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/content',
    action: 'assets.read',
    summary: 'Read the bytes: whole or a range, with ETag and digest; HEAD for the headers alone',
    input: z.strictObject({
      assetId,
      version: versionNumber.optional(),
      disposition: z.enum(['inline', 'attachment']).optional(),
      redirect: flag.default(true).describe('false for the bytes themselves, also where readers are sent elsewhere'),
    }),
    output: z.unknown(),
    problems: contentProblems,
    subject: ofAsset,
    bytes: 'out',
  }),
  'versions.create': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/versions',
    action: 'assets.edit',
    summary: 'Upload a new version',
    input: z.strictObject({ assetId, name: name.optional(), sha256: sha256.optional() }),
    output: asset,
    problems: [...uploadProblems, 'asset.notFound', 'asset.trashed', 'asset.quarantined', 'precondition.failed'],
    subject: ofAsset,
    preconditions: ['idempotencyKey', 'ifMatch'],
    bytes: 'in',
  }),
  'versions.list': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/versions',
    action: 'assets.read',
    summary: 'List versions, newest first',
    input: z.strictObject({ assetId, ...page }),
    output: list(version),
    problems: ['asset.notFound', 'cursor.invalid'],
    subject: ofAsset,
  }),
  'versions.get': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/versions/{version}',
    action: 'assets.read',
    summary: 'Read what a version is',
    input: z.strictObject({ assetId, version: versionNumber }),
    output: version,
    problems: ['asset.notFound', 'version.notFound'],
    subject: ofAsset,
  }),
  'versions.compare': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/versions/{version}/differences',
    action: 'assets.read',
    summary: 'Compare what two versions are',
    input: z.strictObject({ assetId, version: versionNumber, with: versionNumber }),
    output: z.object({
      version: z.number(),
      with: z.number(),
      sameContent: z.boolean(),
      differences: z.array(z.object({ field: z.string(), value: z.unknown(), otherValue: z.unknown() })),
    }),
    problems: ['asset.notFound', 'version.notFound'],
    subject: ofAsset,
  }),
  'versions.makeCurrent': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/versions/{version}/make-current',
    action: 'assets.edit',
    summary: 'Make an old version current again, as a new version with the same bytes',
    input: z.strictObject({ assetId, version: versionNumber }),
    output: asset,
    status: 200,
    problems: ['asset.notFound', 'version.notFound', 'asset.trashed', 'asset.quarantined', 'quota.exceeded'],
    subject: ofAsset,
  }),
  'versions.prune': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/versions/prune',
    action: 'assets.delete',
    summary: 'Remove old versions; the current one always stays',
    input: z.strictObject({
      assetId,
      keepLast: z.number().int().min(1).max(10_000).optional(),
      olderThanDays: z.number().int().min(0).max(36_500).optional(),
      dryRun: z.boolean().default(false),
    }),
    output: z.object({ removed: z.array(z.number().int()), dryRun: z.boolean() }),
    status: 200,
    problems: ['asset.notFound'],
    subject: ofAsset,
  }),
}

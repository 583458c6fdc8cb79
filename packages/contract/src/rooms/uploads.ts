import { z } from 'zod'
import { timestamp } from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'
import { type ProblemCode, problemBody } from '../problems.ts'
import { asset, uploadFields, uploadProblems } from './assets.ts'

const signedRequest = z.object({
  method: z.enum(['PUT', 'POST']),
  url: z.url(),
  headers: z.record(z.string(), z.string()).describe('To be sent as they are'),
  expiresAt: timestamp,
})

const signedForm = z.object({
  url: z.url(),
  fields: z.record(z.string(), z.string()).describe('Form fields to send before the file, which is named `file`'),
  expiresAt: timestamp,
})

const partNumber = z.coerce.number().int().min(1).max(10_000)

/** An upload whose bytes arrive apart from the request that begins it. */
export const upload = z.object({
  id: id('upload'),
  strategy: z.enum(['single-put', 'post-policy', 'multipart', 'resumable']),
  state: z.enum(['open', 'completing', 'done', 'failed']),
  assetId: id('asset').nullable().describe('The asset that was made of it, or that gets a new version'),
  sizeBytes: z.number().nullable().describe('Null while a resumable upload has not said'),
  receivedBytes: z.number().nullable().describe('Null where the store alone knows'),
  partBytes: z.number().nullable().describe('The size of every part but the last'),
  partCount: z.number().nullable(),
  problem: problemBody.nullable().describe('Why it failed'),
  asset: asset.optional().describe('Once it is done, when one upload is read'),
  createdAt: timestamp,
  expiresAt: timestamp,
})
export type UploadRecord = z.output<typeof upload>

const begun = upload.extend({
  request: signedRequest.optional().describe('For `single-put`'),
  form: signedForm.optional().describe('For `post-policy`'),
})

const uploadId = id('upload')
const begins: ProblemCode[] = [
  'upload.nameInvalid',
  'upload.tooLarge',
  'upload.typeNotAllowed',
  'quota.exceeded',
  'assetType.notFound',
  'asset.notFound',
  'asset.trashed',
  'asset.quarantined',
  'recording.exists',
  'recording.busy',
  'store.unavailable',
]
const sends: ProblemCode[] = [
  'upload.notFound',
  'upload.notOpen',
  'upload.expired',
  'upload.wrongSize',
  'upload.tooLarge',
  'upload.digestMismatch',
  'upload.fileMissing',
  'upload.lost',
  'store.full',
  'store.unavailable',
  'request.stalled',
  'request.aborted',
]
const signed: ProblemCode[] = ['signedUrl.malformed', 'signedUrl.expired', 'signedUrl.tampered']

/** What one must know of a file to send it apart from the request that begins it. */
const beginning = {
  ...uploadFields.shape,
  assetId: id('asset').optional().describe('For a new version of this asset'),
  mediaType: z.string().min(1).max(127).optional().describe('What the sender takes it for'),
}

export const uploadOperations = {
  'uploads.create': operation({
    method: 'POST',
    path: '/v1/uploads',
    action: 'assets.create',
    summary: 'Begin an upload that goes straight to the store, or in parts',
    input: z.strictObject({
      ...beginning,
      sizeBytes: z.number().int().min(1).max(5_497_558_138_880),
      strategy: z
        .enum(['single-put', 'post-policy', 'multipart'])
        .optional()
        .describe('Default: single-put up to 16 MiB, multipart above'),
      expiresInSeconds: z.number().int().min(60).max(604_800).default(86_400),
    }),
    output: begun,
    problems: begins,
    preconditions: ['idempotencyKey'],
    doors: ['http'],
  }),
  'uploads.get': operation({
    method: 'GET',
    path: '/v1/uploads/{uploadId}',
    action: 'assets.create',
    summary: 'See how far an upload is, and what became of it',
    input: z.strictObject({ uploadId }),
    output: upload,
    problems: ['upload.notFound'],
    audit: 'none',
    doors: ['http'],
  }),
  'uploads.signParts': operation({
    method: 'POST',
    path: '/v1/uploads/{uploadId}/parts',
    action: 'assets.create',
    summary: 'Sign requests for parts, as they are needed',
    input: z.strictObject({
      uploadId,
      numbers: z.array(partNumber).min(1).max(100),
      expiresInSeconds: z.number().int().min(60).max(604_800).default(3600),
    }),
    output: z.object({ items: z.array(signedRequest.extend({ number: partNumber, sizeBytes: z.number() })) }),
    status: 200,
    problems: ['upload.notFound', 'upload.notOpen', 'upload.expired', 'store.unavailable'],
    audit: 'none',
    doors: ['http'],
  }),
  'uploads.parts': operation({
    method: 'GET',
    path: '/v1/uploads/{uploadId}/parts',
    action: 'assets.create',
    summary: 'List the parts that have arrived',
    input: z.strictObject({ uploadId }),
    output: z.object({ items: z.array(z.object({ number: partNumber, sizeBytes: z.number(), etag: z.string() })) }),
    problems: ['upload.notFound', 'upload.notOpen', 'store.unavailable'],
    audit: 'none',
    doors: ['http'],
  }),
  'uploads.complete': operation({
    method: 'POST',
    path: '/v1/uploads/{uploadId}/complete',
    action: 'assets.create',
    summary: 'Say that every byte was sent; the file is then checked and kept',
    input: z.strictObject({ uploadId }),
    output: upload,
    status: 202,
    problems: ['upload.notFound', 'upload.notOpen', 'upload.expired', 'upload.incomplete', 'store.unavailable'],
    doors: ['http'],
  }),
  'uploads.cancel': operation({
    method: 'DELETE',
    path: '/v1/uploads/{uploadId}',
    action: 'assets.create',
    summary: 'Give an upload up; what was sent is removed',
    input: z.strictObject({ uploadId }),
    output: z.undefined(),
    problems: ['upload.notFound', 'upload.notOpen'],
    doors: ['http'],
  }),
  'uploads.put': operation({
    method: 'PUT',
    path: '/v1/uploads/{uploadId}/content',
    action: 'assets.create',
    summary: 'Send the bytes of a single-put upload, by its signed URL',
    input: z.strictObject({ uploadId }),
    output: z.undefined(),
    status: 200,
    problems: [...sends, ...signed],
    bytes: 'in',
    doors: ['http'],
  }),
  'uploads.post': operation({
    method: 'POST',
    path: '/v1/uploads/{uploadId}/form',
    action: 'assets.create',
    summary: 'Send the bytes of a post-policy upload as a form, by its signed URL',
    input: z.strictObject({ uploadId }),
    output: z.undefined(),
    status: 204,
    problems: [...sends, ...signed],
    bytes: 'in',
    doors: ['http'],
  }),
  'uploads.putPart': operation({
    method: 'PUT',
    path: '/v1/uploads/{uploadId}/parts/{number}',
    action: 'assets.create',
    summary: 'Send one part, by its signed URL',
    input: z.strictObject({ uploadId, number: partNumber }),
    output: z.undefined(),
    status: 200,
    problems: [...sends, ...signed],
    bytes: 'in',
    doors: ['http'],
  }),
  'resumable.create': operation({
    method: 'POST',
    path: '/v1/uploads/resumable',
    action: 'assets.create',
    summary: 'Begin a resumable upload (tus 1.0)',
    input: z.strictObject({ ...beginning, sizeBytes: z.number().int().min(0).optional() }),
    output: upload,
    problems: [...begins, ...uploadProblems, 'tus.versionUnsupported'],
    bytes: 'in',
    doors: ['http'],
  }),
  'resumable.append': operation({
    method: 'PATCH',
    path: '/v1/uploads/resumable/{uploadId}',
    action: 'assets.create',
    summary: 'Go on with a resumable upload (tus 1.0)',
    input: z.strictObject({ uploadId }),
    output: asset.optional(),
    status: 204,
    problems: [
      ...sends,
      ...uploadProblems,
      'upload.wrongOffset',
      'upload.tooManyParts',
      'upload.busy',
      'upload.checksumMismatch',
      'tus.versionUnsupported',
    ],
    bytes: 'in',
    doors: ['http'],
  }),
}

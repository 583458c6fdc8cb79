import { z } from 'zod'
import { timestamp } from '../fields.ts'
import { operation } from '../operation.ts'
import { assetId, contentProblems, ofAsset, versionNumber } from './assets.ts'

/** Variants that the service makes; no caller may attach one of these names. */
export const madeVariants = ['thumbnail', 'preview', 'optimised', 'poster', 'waveform'] as const

export const variantName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'must be a-z, 0-9, _ and -, and begin with a letter')
export const variantSuffix = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, dot, _ and -')
  .describe('Tells several of a name apart: the page of a `preview`, the format of `optimised`')

export const imageSize = z.strictObject({
  width: z.number().int().min(1).max(4096),
  height: z.number().int().min(1).max(4096),
  fit: z.enum(['inside', 'cover']).default('inside').describe('`cover` fills the box and cuts what stands out'),
  format: z.enum(['jpeg', 'png', 'webp', 'avif']).default('webp'),
})

const variant = z.object({
  name: variantName,
  suffix: z.string().nullable(),
  version: z.number().int(),
  state: z
    .enum(['made', 'wanted', 'failed', 'possible'])
    .describe('`wanted`: it is being made; `possible`: it is made when it is first asked for'),
  attached: z.boolean().describe('By a caller'),
  reason: z.string().nullable().describe('Why there is none'),
  mediaType: z.string().nullable(),
  sizeBytes: z.number().nullable(),
  sha256: z.string().nullable(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  createdAt: timestamp.nullable(),
  url: z.url(),
})

const ofVariant = z.strictObject({
  assetId,
  name: variantName,
  suffix: variantSuffix.optional(),
  version: versionNumber.optional(),
})

export const variantOperations = {
  'variants.list': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/variants',
    action: 'assets.read',
    summary: 'List the pictures and files derived from a version, made or yet to be made',
    input: z.strictObject({ assetId, version: versionNumber.optional() }),
    output: z.object({ items: z.array(variant) }),
    problems: ['asset.notFound', 'version.notFound'],
    subject: ofAsset,
  }),
  'variants.content': operation({
    method: 'GET',
    path: '/v1/assets/{assetId}/variants/{name}',
    action: 'assets.read',
    summary: 'Read the bytes of a variant; one that can be made is made when it is first asked for',
    input: ofVariant.extend({ disposition: z.enum(['inline', 'attachment']).default('inline') }),
    output: z.unknown(),
    problems: [...contentProblems, 'variant.notFound', 'variant.notMade', 'variant.notReady'],
    subject: ofAsset,
    bytes: 'out',
  }),
  'variants.attach': operation({
    method: 'PUT',
    path: '/v1/assets/{assetId}/variants/{name}',
    action: 'assets.edit',
    summary: 'Attach a derived file of your own, or put another in its place',
    input: ofVariant,
    output: variant,
    problems: [
      'asset.notFound',
      'version.notFound',
      'asset.trashed',
      'asset.quarantined',
      'variant.nameReserved',
      'variant.tooMany',
      'variant.notScanned',
      'upload.scanFound',
      'upload.empty',
      'upload.tooLarge',
      'upload.typeMismatch',
      'upload.archiveRefused',
      'upload.imageRefused',
      'upload.lost',
      'quota.exceeded',
      'request.stalled',
      'request.aborted',
      'store.full',
      'store.unavailable',
    ],
    subject: ofAsset,
    bytes: 'in',
  }),
  'variants.delete': operation({
    method: 'DELETE',
    path: '/v1/assets/{assetId}/variants/{name}',
    action: 'assets.edit',
    summary: 'Remove a variant; one that the service makes is made again when it is asked for',
    input: ofVariant,
    output: z.undefined(),
    problems: ['asset.notFound', 'version.notFound', 'variant.notFound'],
    subject: ofAsset,
  }),
}

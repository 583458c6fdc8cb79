import { z } from 'zod'
import { timestamp } from '../fields.ts'
import { operation } from '../operation.ts'
import { assetId, ofAsset, versionNumber } from './assets.ts'
import { variantName, variantSuffix } from './variants.ts'

export const sharingOperations = {
  'signedUrls.create': operation({
    method: 'POST',
    path: '/v1/assets/{assetId}/signed-urls',
    action: 'assets.share',
    summary: 'Make a URL that reads the bytes without a login',
    input: z.strictObject({
      assetId,
      expiresInSeconds: z.number().int().min(1).max(604_800).default(3600),
      disposition: z.enum(['inline', 'attachment']).optional(),
      version: versionNumber.optional(),
      variant: variantName.optional().describe('A variant instead of the asset itself'),
      suffix: variantSuffix.optional(),
      maxDownloads: z.number().int().min(1).max(1_000_000).optional(),
      ip: z.union([z.ipv4(), z.ipv6()]).optional().describe('The only address it works from'),
      direct: z
        .boolean()
        .default(false)
        .describe('A URL of the store itself, which nobody can revoke and nothing else may limit'),
      cdn: z
        .boolean()
        .default(false)
        .describe('A URL of the CDN, which gives one version, the current one if none is named'),
    }),
    output: z.object({
      url: z.url(),
      expiresAt: timestamp,
      revocable: z.boolean().describe('Whether it can be made to end before it expires'),
    }),
    problems: [
      'asset.notFound',
      'version.notFound',
      'asset.trashed',
      'asset.quarantined',
      'asset.notReadable',
      'content.missing',
      'store.unavailable',
      'signedUrl.notDirect',
      'signedUrl.notByCdn',
    ],
    subject: ofAsset,
  }),
  'signedUrls.revoke': operation({
    method: 'DELETE',
    path: '/v1/assets/{assetId}/signed-urls',
    action: 'assets.share',
    summary: 'Revoke every signed URL of an asset',
    input: z.strictObject({ assetId }),
    output: z.undefined(),
    problems: ['asset.notFound'],
    subject: ofAsset,
  }),
}

import { newUuid, toUuid } from '../../domain/id.ts'
import { permits, principalKind } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { deriveSigningKey, signUrl } from '../../domain/signed-url.ts'
import type { Credential } from '../../platform/enter.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { openSignedRequest } from '../../platform/signed-request.ts'
import { getAsset, lockAsset, requireManage } from '../assets/room.ts'
import { getVersion } from '../versions/room.ts'
import * as rows from './sharing.sql.ts'

/** Signed URLs: each acts with its maker's present rights, narrowed to one asset (R14). */
export function sharingHandlers(signing: SecretKeys) {
  return {
    'signedUrls.create': async (context, input) => {
      // Whoever may not read the bytes hands on no URL that does.
      if (permits(context.principal, 'assets.read') !== 'yes')
        throw new Problem('access.outOfScope', { action: 'assets.read' })
      const asset = await getAsset(context, input.assetId)
      requireManage(context, asset, 'assets.share')
      if (asset.state === 'trashed') throw new Problem('asset.trashed')
      if (asset.state === 'quarantined') throw new Problem('asset.quarantined')
      if (input.version !== undefined) await getVersion(context, asset.id, input.version)
      const expiresAt = new Date(Math.floor(context.now.getTime() / 1000) * 1000 + input.expiresInSeconds * 1000)
      const url = signUrl(
        {
          origin: context.origin,
          path: `/v1/assets/${input.assetId}/content`,
          tenantId: context.tenantId,
          epoch: asset.url_epoch,
          expiresAt,
          ...(input.ip !== undefined && { ip: input.ip }),
          parameters: {
            maker: makerOf(context),
            ...(input.disposition && { disposition: input.disposition }),
            ...(input.version !== undefined && { version: String(input.version) }),
            ...(input.maxDownloads !== undefined && {
              use: await countUses(context, asset.id, input.maxDownloads, expiresAt),
            }),
          },
          keyId: signing.current.id,
          key: deriveSigningKey(signing.current.secret, context.tenantId, signing.current.id),
        },
        context.now,
      )
      return { url, expiresAt: expiresAt.toISOString() }
    },
    'signedUrls.revoke': async (context, { assetId }) => {
      const asset = await lockAsset(context, assetId)
      requireManage(context, asset, 'assets.share')
      await rows.raiseEpoch(context.db, context.tenantId, asset.id)
      return undefined
    },
  } satisfies { [Name in `signedUrls.${'create' | 'revoke'}`]: Handler<Name> }
}

function makerOf(context: Context): string {
  const { principal } = context
  return `${principalKind(principal)}.${principal.id}`
}

async function countUses(context: Context, assetId: string, maxUses: number, expiresAt: Date): Promise<string> {
  const id = newUuid()
  await rows.insertCountedUrl(context.db, {
    tenant_id: context.tenantId,
    id,
    asset_id: assetId,
    max_uses: maxUses,
    expires_at: expiresAt,
  })
  return id
}

/** What a signed request may, once its signature has been checked. */
export interface SignedAccess {
  credential: Credential
  input: { assetId: string; version?: string; disposition?: string }
  /** Takes a use of a counted URL; undefined where uses are not counted. */
  admit: ((context: Context) => Promise<void>) | undefined
}

/** @throws Problem `signedUrl.malformed` | `signedUrl.tampered` | `signedUrl.expired` | `signedUrl.wrongAddress` */
export function openSignedUrl(
  signing: SecretKeys,
  request: { method: string; host: string; path: string; query: string; clientIp: string; assetId: string },
  now: Date,
): SignedAccess {
  const { assetId, ...signed } = request
  const verified = openSignedRequest(signing, { ...signed, now })
  const { maker = '', use, version, disposition } = verified.parameters
  const [makerKind = '', makerId = ''] = maker.split('.')
  return {
    credential: {
      kind: 'signed',
      tenantId: verified.tenantId,
      assetId: toUuid(assetId),
      makerKind,
      makerId,
      epoch: verified.epoch,
    },
    input: { assetId, ...(version && { version }), ...(disposition && { disposition }) },
    admit: use === undefined ? undefined : takeUse(use),
  }
}

function takeUse(use: string) {
  return async (context: Context): Promise<void> => {
    if (!(await rows.takeUse(context.db, context.tenantId, use))) throw new Problem('signedUrl.usedUp')
  }
}

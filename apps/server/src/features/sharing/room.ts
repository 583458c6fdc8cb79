import type { Output, Parsed } from '@stowage/contract'
import { contentPath, signedPath, variantPath } from '../../domain/content-path.ts'
import { newUuid, toUuid } from '../../domain/id.ts'
import { permits, principalKind } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { deriveSigningKey, signUrl } from '../../domain/signed-url.ts'
import type { Credential } from '../../platform/enter.ts'
import { type Context, type Handler, invoke, type StoreHandlers } from '../../platform/invoke.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { openSignedRequest } from '../../platform/signed-request.ts'
import { getAsset, lockAsset, requireManage } from '../assets/room.ts'
import { type Delivery, findDirect } from '../delivery/room.ts'
import { getVersion } from '../versions/room.ts'
import * as rows from './sharing.sql.ts'

export interface Sharing {
  delivery: Delivery
  signing: SecretKeys
}

type SignedUrl = Output<'signedUrls.create'>
type Terms = Parsed<'signedUrls.create'>

/**
 * Signed URLs: each acts with its maker's present rights, narrowed to one asset (R14). One of the store itself is signed
 * between transactions, for that may need a credential of another service.
 */
export function sharingOperations({ delivery, signing }: Sharing): Pick<StoreHandlers, 'signedUrls.create'> {
  return {
    'signedUrls.create': async (call) => {
      const made = await invoke<'signedUrls.create', SignedUrl | { sign: () => Promise<SignedUrl> }>(
        delivery.platform,
        'signedUrls.create',
        call,
        async (context, input) => {
          const asset = await requireShareable(context, input)
          if (input.direct) return prepareDirect(delivery, context, input)
          const terms = { context, signing, asset, input, expiresAt: expiryOf(context, input) }
          return input.cdn ? signByCdn(terms) : signOwn(terms)
        },
      )
      return 'sign' in made ? made.sign() : made
    },
  }
}

export const sharingHandlers = {
  'signedUrls.revoke': async (context, { assetId }) => {
    const asset = await lockAsset(context, assetId)
    requireManage(context, asset, 'assets.share')
    await rows.raiseEpoch(context.db, context.tenantId, asset.id)
    return undefined
  },
} satisfies { 'signedUrls.revoke': Handler<'signedUrls.revoke'> }

async function requireShareable(context: Context, input: Terms) {
  // Whoever may not read the bytes hands on no URL that does.
  if (permits(context.principal, 'assets.read') !== 'yes')
    throw new Problem('access.outOfScope', { action: 'assets.read' })
  if (input.direct && input.cdn) {
    throw new Problem('request.invalid', { errors: [{ field: 'cdn', reason: 'is not for a direct URL' }] })
  }
  if (input.variant !== undefined && (input.direct || input.cdn)) {
    throw new Problem('request.invalid', {
      errors: [{ field: 'variant', reason: 'comes from the service itself alone' }],
    })
  }
  const asset = await getAsset(context, input.assetId)
  requireManage(context, asset, 'assets.share')
  if (asset.state === 'trashed') throw new Problem('asset.trashed')
  if (asset.state === 'quarantined') throw new Problem('asset.quarantined')
  if (input.version !== undefined) await getVersion(context, asset.id, input.version)
  return asset
}

type Shareable = Awaited<ReturnType<typeof requireShareable>>

function expiryOf(context: Context, input: Terms): Date {
  return new Date((Math.floor(context.now.getTime() / 1000) + input.expiresInSeconds) * 1000)
}

interface Signable {
  context: Context
  signing: SecretKeys
  asset: Shareable
  input: Terms
  expiresAt: Date
}

async function signOwn(terms: Signable): Promise<SignedUrl> {
  const { context, asset, input, expiresAt } = terms
  const { assetId, variant, suffix } = input
  const path = variant === undefined ? contentPath(assetId) : variantPath(assetId, variant)
  const url = signPath(terms, path, {
    ...(suffix !== undefined && { suffix }),
    ...(input.disposition && { disposition: input.disposition }),
    ...(input.version !== undefined && { version: String(input.version) }),
    ...(input.maxDownloads !== undefined && {
      use: await noteUrl(context, asset.id, input.maxDownloads, expiresAt),
    }),
  })
  return { url, expiresAt: expiresAt.toISOString(), revocable: true }
}

function signPath(terms: Signable, path: string, parameters: Record<string, string>): string {
  const { context, signing, asset, input, expiresAt } = terms
  const { id: keyId, secret } = signing.current
  return signUrl(
    {
      origin: context.origin,
      path,
      tenantId: context.tenantId,
      epoch: asset.url_epoch,
      expiresAt,
      ...(input.ip !== undefined && { ip: input.ip }),
      parameters: { maker: makerOf(context), ...parameters },
      keyId,
      key: deriveSigningKey(secret, context.tenantId, keyId),
    },
    context.now,
  )
}

/**
 * A URL of the CDN that the edge checks by its own signature, and that carries ours to the origin. Ours travels in one
 * parameter, because networks keep names such as `expires` and `signature` for themselves.
 */
async function signByCdn(terms: Signable): Promise<SignedUrl> {
  const { context, asset, input, expiresAt } = terms
  if (isLimited(input)) throw new Problem('signedUrl.notByCdn', { reason: 'limited' })
  if (!context.cdn?.capabilities.signed) throw new Problem('signedUrl.notByCdn', { reason: 'unsigned' })
  await noteUrl(context, asset.id, null, expiresAt)
  const version = input.version ?? asset.current_n
  const path = signedPath(input.assetId, version, asset.url_epoch, input.disposition ?? 'attachment')
  const { search } = new URL(signPath(terms, path, {}))
  const query = { [PERMIT]: Buffer.from(search).toString('base64url') }
  const url = context.cdn.signUrl({ path, expiresAt, query })
  return { url, expiresAt: expiresAt.toISOString(), revocable: true }
}

async function prepareDirect(delivery: Delivery, context: Context, input: Terms) {
  if (isLimited(input)) throw new Problem('signedUrl.notDirect', { reason: 'limited' })
  const presign = await findDirect(delivery, context, input)
  return {
    sign: async (): Promise<SignedUrl> => {
      const { expiresInSeconds, disposition } = input
      const { url, expiresAt } = await presign({ expiresInSeconds, disposition })
      return { url, expiresAt: expiresAt.toISOString(), revocable: false }
    },
  }
}

/** Who else checks a signature knows neither how often it was used nor, always, by whom. */
function isLimited(input: Terms): boolean {
  return input.maxDownloads !== undefined || input.ip !== undefined
}

function makerOf(context: Context): string {
  const { principal } = context
  return `${principalKind(principal)}.${principal.id}`
}

async function noteUrl(context: Context, assetId: string, maxUses: number | null, expiresAt: Date): Promise<string> {
  const id = newUuid()
  await rows.insertSignedUrl(context.db, {
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
  input: { assetId: string; version?: string; disposition?: string; redirect?: string; suffix?: string }
  /** Takes a use of a counted URL; undefined where uses are not counted. */
  admit: ((context: Context) => Promise<void>) | undefined
  /** Whether it is bound to an address or a number of downloads, which nobody else can check. */
  limited: boolean
  /** Until when it permits anything. */
  expiresAt: Date | undefined
}

/** The parameter of a CDN's URL that holds ours. */
const PERMIT = 'permit'

/** @throws Problem `signedUrl.malformed` | `signedUrl.tampered` | `signedUrl.expired` | `signedUrl.wrongAddress` */
export function openSignedUrl(
  signing: SecretKeys,
  request: { method: string; host: string; path: string; query: string; clientIp: string; assetId: string },
  now: Date,
): SignedAccess {
  const { assetId, ...signed } = request
  const verified = openSignedRequest(signing, { ...signed, now })
  const { maker = '', use, version, disposition, suffix } = verified.parameters
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
    input: {
      assetId,
      ...(version && { version }),
      ...(disposition && { disposition }),
      ...(suffix && { suffix }),
    },
    admit: use === undefined ? undefined : takeUse(use),
    limited: use !== undefined || verified.ip !== undefined,
    expiresAt: verified.expiresAt,
  }
}

/** What a request of the CDN may, whose URL the edge has checked: our own signature is checked here all the same. */
export function openPermit(signing: SecretKeys, request: Parameters<typeof openSignedUrl>[1], now: Date): SignedAccess {
  const permit = new URLSearchParams(request.query).get(PERMIT) ?? ''
  return openSignedUrl(signing, { ...request, query: Buffer.from(permit, 'base64url').toString() }, now)
}

function takeUse(use: string) {
  return async (context: Context): Promise<void> => {
    if (!(await rows.takeUse(context.db, context.tenantId, use))) throw new Problem('signedUrl.usedUp')
  }
}

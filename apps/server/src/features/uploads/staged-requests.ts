import type { Output } from '@stowage/contract'
import { toId } from '../../domain/id.ts'
import { deriveSigningKey, signUrl } from '../../domain/signed-url.ts'
import type { Call } from '../../platform/invoke.ts'
import { CONTENT, withinOf } from './placing.ts'
import type { Uploads } from './room.ts'
import { partSize } from './staged.rules.ts'
import * as rows from './staged.sql.ts'
import { storeOf } from './target.ts'

/** The signed requests by which the bytes of a staged upload are sent: the store's own, or the service's. */

/** A multipart upload has a name in its store, which is asked for once. */
export async function opened(uploads: Uploads, staged: rows.StagedUpload): Promise<rows.StagedUpload> {
  if (staged.strategy !== 'multipart' || staged.copy_id === null || staged.reference !== null) return staged
  const { tenant_id: tenantId, id } = staged
  const reference = await storeOf(uploads, staged.store_id).startParts(staged.prefix + CONTENT, {
    ...callOn(staged),
    ...(staged.media_type && { contentType: staged.media_type }),
  })
  await uploads.platform.inTenant(tenantId, (db) => rows.updateStaged(db, tenantId, id, { reference }))
  return { ...staged, reference }
}

export function callOn(staged: rows.StagedUpload) {
  return { tenantId: staged.tenant_id, within: withinOf(staged.prefix) }
}

export function soonest(uploads: Uploads, staged: rows.StagedUpload, expiresInSeconds: number): Date {
  const asked = uploads.platform.clock().getTime() + expiresInSeconds * 1000
  return new Date(Math.min(asked, staged.expires_at.getTime()))
}

function secondsUntil(uploads: Uploads, moment: Date): number {
  return Math.max(1, Math.floor((moment.getTime() - uploads.platform.clock().getTime()) / 1000))
}

type FirstRequest = Pick<Output<'uploads.create'>, 'request' | 'form'>

/** What the caller sends next: nothing yet for parts, which are signed as they are needed. */
export async function firstRequest(uploads: Uploads, call: Call, staged: rows.StagedUpload): Promise<FirstRequest> {
  if (staged.strategy === 'multipart') return {}
  const form = staged.strategy === 'post-policy'
  if (staged.copy_id === null) {
    const own = ownRequest(uploads, call, staged, form ? 'form' : 'content', form ? 'POST' : 'PUT', staged.expires_at)
    return form ? { form: { url: own.url, fields: {}, expiresAt: own.expiresAt } } : { request: own }
  }
  const store = storeOf(uploads, staged.store_id)
  const sizeBytes = staged.size_bytes as number
  const common = {
    ...callOn(staged),
    expiresInSeconds: secondsUntil(uploads, staged.expires_at),
    ...(staged.media_type && { contentType: staged.media_type }),
  }
  if (form) {
    const signed = await store.presignPost(staged.prefix, { ...common, minBytes: 1, maxBytes: sizeBytes })
    return { form: { ...signed, expiresAt: signed.expiresAt.toISOString() } }
  }
  const { sha256 } = staged.fields as { sha256?: string }
  const signed = await store.presignPut(staged.prefix + CONTENT, { ...common, sizeBytes, ...(sha256 && { sha256 }) })
  return { request: { ...signed, method: 'PUT', expiresAt: signed.expiresAt.toISOString() } }
}

export async function signPart(
  uploads: Uploads,
  call: Call,
  staged: rows.StagedUpload,
  number: number,
  expiresAt: Date,
) {
  const sizeBytes = partSize(staged.size_bytes as number, staged.part_bytes as number, number) as number
  if (staged.copy_id === null) {
    return { number, sizeBytes, ...ownRequest(uploads, call, staged, `parts/${number}`, 'PUT', expiresAt) }
  }
  const signed = await storeOf(uploads, staged.store_id).presignPart(staged.prefix + CONTENT, {
    ...callOn(staged),
    reference: staged.reference as string,
    number,
    sizeBytes,
    expiresInSeconds: secondsUntil(uploads, expiresAt),
  })
  return { number, sizeBytes, ...signed, method: 'PUT' as const, expiresAt: signed.expiresAt.toISOString() }
}

/** The service's own signed request, of the same shape as a store's. */
function ownRequest(
  uploads: Uploads,
  call: Call,
  staged: rows.StagedUpload,
  what: string,
  method: 'PUT' | 'POST',
  expiresAt: Date,
) {
  const { id, secret } = uploads.signing.current
  const now = uploads.platform.clock()
  const moment = new Date(Math.ceil(expiresAt.getTime() / 1000) * 1000)
  const url = signUrl(
    {
      method,
      origin: call.origin,
      path: `/v1/uploads/${toId('upload', staged.id)}/${what}`,
      tenantId: staged.tenant_id,
      epoch: 0,
      expiresAt: moment,
      parameters: {},
      keyId: id,
      key: deriveSigningKey(secret, staged.tenant_id, id),
    },
    now,
  )
  const type = staged.media_type && what === 'content' ? { 'content-type': staged.media_type } : {}
  return { method, url, headers: type as Record<string, string>, expiresAt: moment.toISOString() }
}

export async function arrivedParts(uploads: Uploads, staged: rows.StagedUpload) {
  if (staged.copy_id !== null && staged.reference !== null && staged.state === 'open') {
    const reference = staged.reference
    return storeOf(uploads, staged.store_id).listParts(staged.prefix + CONTENT, { ...callOn(staged), reference })
  }
  const { tenant_id: tenantId, id } = staged
  const parts = await uploads.platform.inTenant(tenantId, (db) => rows.findParts(db, tenantId, id))
  return parts.map((part) => ({ number: part.number, sizeBytes: part.size_bytes, etag: part.etag }))
}

import { toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Context } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import type { ObjectStore, SignedRequest } from '../../providers/stores/port.ts'
import { cacheControlOf, refuseUnreadable, safelyNamed } from './delivery.rules.ts'
import { findContent, type Placed } from './delivery.sql.ts'
import type { Delivery } from './room.ts'

/** A URL of the store itself for the bytes, named and typed as we would send them. */
export type Presign = (terms: { expiresInSeconds: number; disposition: string | undefined }) => Promise<SignedRequest>

/**
 * How the store itself gives a copy's bytes, or why it does not: those that we encrypt are nothing to a reader (R13).
 */
export function presignerOf(
  stores: Delivery['stores'],
  call: { tenantId: string; requestId: string },
  found: Placed,
): Presign | 'encrypted' | 'store' {
  if (found.encrypted) return 'encrypted'
  const store = stores.get(found.store_id ?? '')
  if (!store?.capabilities.presignedGet) return 'store'
  return (terms) => presign(store, call, found, terms)
}

function presign(
  store: ObjectStore,
  call: { tenantId: string; requestId: string },
  found: Placed,
  { expiresInSeconds, disposition: asked }: Parameters<Presign>[0],
): Promise<SignedRequest> {
  const { name, charset, media_type: mediaType, visibility } = found
  const { disposition, headers } = safelyNamed({ name, charset, mediaType }, asked)
  return store.presignGet(found.key as string, {
    ...call,
    ...(found.isolation !== null && { within: found.isolation }),
    expiresInSeconds,
    contentDisposition: disposition,
    contentType: headers['Content-Type'] as string,
    cacheControl: cacheControlOf(visibility === 2, 'plain'),
  })
}

/**
 * Prepares a URL of the store itself for whoever may read the bytes; it is signed once the transaction has ended.
 *
 * @throws Problem `signedUrl.notDirect`, or why the bytes may not be read
 */
export async function findDirect(
  delivery: Delivery,
  context: Context,
  input: { assetId: string; version?: number | undefined },
): Promise<Presign> {
  const found = await findContent(context.db, toUuid(input.assetId), input.version ?? null)
  if (!found) throw new Problem('version.notFound')
  refuseUnreadable(found)
  if (found.copy_id === null) throw new Problem('content.missing')
  const presigner = presignerOf(delivery.stores, context, found)
  if (typeof presigner === 'string') throw new Problem('signedUrl.notDirect', { reason: presigner })
  return (terms) =>
    presigner(terms).catch((error) => {
      throw storeProblem(error)
    })
}

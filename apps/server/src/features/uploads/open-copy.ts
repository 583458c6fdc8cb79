import type { Readable } from 'node:stream'
import type { ByteRange } from '../../providers/stores/port.ts'
import type { Uploads } from './room.ts'
import { storeOf } from './target.ts'

/** A live copy, as far as one must know it to read it. */
export interface StoredCopy {
  id: string
  scope: string
  store_id: string
  key: string
  isolation: string | null
  envelope: Buffer | null
  encrypted: boolean
}

/** Opens a copy for the service's own work: nobody's right to it is looked at. @throws StoreError */
export async function openCopy(
  uploads: Pick<Uploads, 'platform' | 'scopeKeys' | 'stores'>,
  tenantId: string,
  copy: StoredCopy,
  { signal, range }: { signal?: AbortSignal; range?: ByteRange } = {},
): Promise<Readable> {
  const keys = copy.encrypted
    ? await uploads.platform.inTenant(tenantId, (db) => uploads.scopeKeys.wrapperOf(db, tenantId, copy.scope))
    : undefined
  const { body } = await storeOf(uploads, copy.store_id).get(copy.key, {
    tenantId,
    context: copy.id,
    ...(signal && { signal }),
    ...(range && { range }),
    ...(copy.isolation !== null && { within: copy.isolation }),
    ...(copy.envelope && { envelope: copy.envelope }),
    ...(keys && { keys }),
  })
  return body
}

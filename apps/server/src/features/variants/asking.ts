import { setTimeout as wait } from 'node:timers/promises'
import { Problem } from '../../domain/problem.ts'
import type { Call, Context } from '../../platform/invoke.ts'
import { type Content, findVariantDelivery, type Unmade } from '../delivery/room.ts'
import { askStep, INTERACTIVE, type VersionId } from '../inspection/room.ts'
import type { Variants } from './room.ts'
import { pictureOf, type VariantId } from './variants.rules.ts'
import * as rows from './variants.sql.ts'

/** How long a reader waits for a picture that is being made. */
const PATIENCE_MS = 20_000
const LOOK_AGAIN_MS = 150
const RETRY_AFTER_SECONDS = 3

/**
 * The bytes of a variant, for whoever may read its source. One that can be made and is not there is asked for, once for
 * all who want it, and waited for.
 *
 * @throws Problem `variant.notFound` | `variant.notMade` | `variant.notReady`, or why the source may not be read
 */
export async function openVariant(
  variants: Variants,
  { id, ...call }: Call & { id: VariantId },
  admit?: (context: Context) => Promise<void>,
): Promise<Content> {
  const found = await findVariantDelivery(variants.delivery, call, admit)
  if (!('state' in found)) return found
  await make(variants, found, id)
  const made = await findVariantDelivery(variants.delivery, call, admit)
  if ('state' in made) throw refusalOf(made)
  return made
}

function refusalOf({ state, reason }: Unmade): Problem {
  if (state === 'failed') return new Problem('variant.notMade', { reason: reason ?? '' })
  if (state === 'wanted') return new Problem('variant.notReady', { retryAfterSeconds: RETRY_AFTER_SECONDS })
  return new Problem('variant.notFound')
}

async function make(variants: Variants, unmade: Unmade, { name, suffix }: VariantId): Promise<void> {
  const { tenantId, assetId, version, state, mediaType } = unmade
  const of = { tenant_id: tenantId, asset_id: assetId, n: version }
  if (state === 'failed') throw refusalOf(unmade)
  if (state === null) await ask(variants, of, { name, suffix }, mediaType)
  const key = [tenantId, assetId, version, name, suffix].join(' ')
  const waiting = variants.waiting.get(key) ?? untilMade(variants, of, { name, suffix })
  variants.waiting.set(key, waiting)
  await waiting.finally(() => variants.waiting.delete(key))
}

async function ask(variants: Variants, of: VersionId, id: VariantId, mediaType: string): Promise<void> {
  await variants.uploads.platform.inTenant(of.tenant_id, async (db) => {
    const { sizes } = await rows.findWishes(db, of)
    if (!pictureOf(id, mediaType, sizes)) throw new Problem('variant.notFound')
    const way = variants.wayOf(mediaType)
    if ('reason' in way) throw new Problem('variant.notMade', { reason: way.reason })
    await rows.wantVariant(db, of, id)
    await askStep(db, { ...of, name: 'variants' }, INTERACTIVE)
  })
}

/** One look for all who wait in this process. */
async function untilMade(variants: Variants, of: VersionId, id: VariantId): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const row = await variants.uploads.platform.inTenant(of.tenant_id, (db) => rows.findVariantRow(db, of, id))
    if (row?.state !== 'wanted' || performance.now() > deadline) return
    await wait(LOOK_AGAIN_MS)
  }
}

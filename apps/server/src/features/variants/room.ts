import { Problem } from '../../domain/problem.ts'
import type { Turns } from '../../domain/turns.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import type { Sandbox } from '../../platform/sandbox/sandbox.ts'
import { getAsset, lockForChange } from '../assets/room.ts'
import type { Delivery } from '../delivery/room.ts'
import type { Uploads } from '../uploads/room.ts'
import { getVersion } from '../versions/room.ts'
import type { Way } from './drawing.ts'
import { removeVariant } from './keeping.ts'
import { shownVariant, unaskedVariant } from './shown.ts'
import { meant, possibleVariants } from './variants.rules.ts'
import * as rows from './variants.sql.ts'

/** What is derived from versions: pictures made here, and what callers attach. */
export interface Variants {
  uploads: Uploads
  delivery: Delivery
  sandbox: () => Promise<Sandbox>
  /** The module that draws a file in a child process. */
  child: string
  wayOf: (mediaType: string) => Way
  /** What readers of this process wait for, by what it is. */
  waiting: Map<string, Promise<void>>
  /** How many may be attached at once. */
  attaching: Turns
  options: { releaseDelaySeconds: number }
}

/** List and remove; bytes go by doors of their own. */
export function variantHandlers({
  wayOf,
  options,
}: Pick<Variants, 'wayOf'> & { options: { releaseDelaySeconds: number } }) {
  return {
    'variants.list': async (context, input) => {
      const { of, mediaType } = await versionOf(context, input)
      const known = await rows.findVariants(context.db, of)
      const { sizes } = await rows.findWishes(context.db, of)
      const way = wayOf(mediaType)
      const isKnown = (id: { name: string; suffix: string }) =>
        known.some(({ name, suffix }) => name === id.name && suffix === id.suffix)
      const others = possibleVariants(mediaType, sizes).filter((id) => !isKnown(id))
      const reason = 'reason' in way ? way.reason : null
      return {
        items: [
          ...known.map((row) => shownVariant(context, of, row)),
          ...others.map((id) => unaskedVariant(context, of, id, reason)),
        ],
      }
    },
    'variants.delete': async (context, input) => {
      await lockForChange(context, input.assetId)
      const { of } = await versionOf(context, input)
      const id = meant(input.name, input.suffix)
      if (!(await removeVariant(context.db, of, id, options.releaseDelaySeconds))) throw new Problem('variant.notFound')
      return undefined
    },
  } satisfies { [Name in `variants.${'list' | 'delete'}`]: Handler<Name> }
}

async function versionOf(context: Context, { assetId, version }: { assetId: string; version?: number | undefined }) {
  const asset = await getAsset(context, assetId)
  const { n, media_type: mediaType } = await getVersion(context, asset.id, version ?? asset.current_n)
  return { of: { tenant_id: context.tenantId, asset_id: asset.id, n }, mediaType }
}

export { openVariant } from './asking.ts'
export { attachVariant } from './attaching.ts'
export { type PreviewJob, variantsStep, type Way } from './drawing.ts'
export { meant } from './variants.rules.ts'

import { isUniqueViolation } from '../../platform/database/transaction.ts'
import type {
  Converter,
  Picture,
  PictureFormat,
  PreviewLimits,
  Source,
  Wanted,
} from '../../providers/previewers/port.ts'
import {
  askStep,
  type Claim,
  convert,
  type Desk,
  fetchSource,
  findInspected,
  type Inspected,
  MAX_SOURCE_BYTES,
  NotNow,
  type Outcome,
  type StepWork,
  stoppedBy,
} from '../inspection/room.ts'
import { type AssetTypeRules, effectiveRules } from '../tenants/room.ts'
import { type KeptDerived, keepDerived } from '../uploads/room.ts'
import { putVariant, removeVariant } from './keeping.ts'
import type { Variants } from './room.ts'
import { meant, pictureOf, recipeOf, type VariantId } from './variants.rules.ts'
import * as rows from './variants.sql.ts'

const MIB = 1024 * 1024

const LIMITS: PreviewLimits = { pixels: 100_000_000, textChars: 100_000 }
const CHILD_LIMITS = { wallSeconds: 60, cpuSeconds: 90, memoryBytes: 1024 * MIB, outputBytes: 64 * MIB }

/** Who draws the files of a type. */
export interface Painter {
  id: string
  version: number
  grants: readonly 'addons'[]
}

/** How files of a type become pictures, or why they do not. */
export type Way = { painter: Painter; converter: Converter | undefined } | { reason: string }

/** What the module in the child is asked. */
export interface PreviewJob {
  /** Its path is its name in the job's folder. */
  source: Source
  wanted: readonly Wanted[]
  limits: PreviewLimits
}

interface Order {
  id: VariantId
  wanted: Wanted
  recipe: string
}

/**
 * Draws every variant that is wanted of a version, and those that its asset type asks for, out of one look at the bytes.
 * A picture that cannot be drawn is recorded with its reason.
 */
export function variantsStep(variants: Variants): StepWork {
  const { inTenant } = variants.uploads.platform
  return async (claim, signal, end) => {
    const seen = await inTenant(claim.tenant_id, (db) => lookAt(variants, db, claim))
    if (typeof seen === 'string') return end({ state: 'skipped', reason: seen })
    const { found, way, asked } = seen
    if (asked.orders.length === 0 && asked.impossible.length === 0)
      return end({ state: 'done', reason: 'nothing to do' })
    if ('reason' in way) return end(refused(claim, asked, way.reason))
    if (found.size_bytes > MAX_SOURCE_BYTES) return end(refused(claim, asked, 'it is too large to be drawn'))
    const sandbox = await variants.sandbox()
    return sandbox.withFolder(async (folder) => {
      const desk = { sandbox, folder, signal, child: variants.child }
      const kept = new Map<Order, KeptDerived>()
      const reason = await drawAll(variants, desk, { claim, found, way, orders: asked.orders, kept })
      return end(drawn(variants, claim, found, asked, kept, reason))
    })
  }
}

interface Asked {
  orders: Order[]
  /** Wanted, but there is no such variant of such a file. */
  impossible: VariantId[]
}

type Db = Parameters<NonNullable<Outcome['apply']>>[0]

interface Seen {
  found: Inspected
  way: Way
  asked: Asked
}

/** @returns why nothing may be drawn, where nothing may */
async function lookAt(variants: Variants, db: Db, claim: Claim): Promise<Seen | string> {
  const found = await findInspected(db, claim)
  if (!found) return 'the version is no more'
  if (found.scan !== 'clean' && found.scan !== 'not_scanned') return `its scan says ${found.scan}`
  const way = variants.wayOf(found.media_type)
  return { found, way, asked: await findOrders(variants, db, claim, found, way) }
}

async function findOrders(variants: Variants, db: Db, claim: Claim, found: Inspected, way: Way): Promise<Asked> {
  const { sizes, assetType, rules } = await rows.findWishes(db, claim)
  const known = await rows.findVariants(db, claim)
  const painter = 'painter' in way ? way.painter : { id: 'none', version: 0 }
  const wished = effectiveRules(assetType, rules as AssetTypeRules | undefined)?.variants ?? []
  const ids = new Map<string, VariantId>()
  for (const id of [...wished.map((name) => meant(name, undefined)), ...known.filter(({ attached }) => !attached)])
    ids.set(`${id.name} ${id.suffix}`, { name: id.name, suffix: id.suffix })
  const asked: Asked = { orders: [], impossible: [] }
  for (const id of ids.values()) {
    const before = known.find(({ name, suffix }) => name === id.name && suffix === id.suffix)
    const wanted = pictureOf(id, found.media_type, sizes)
    const recipe = wanted && recipeOf(wanted, painter)
    if (before?.attached || (before?.state === 'made' && before.recipe === recipe)) continue
    if (!wanted || recipe === undefined) {
      if (before) asked.impossible.push(id)
      continue
    }
    // An exact key is free for the next one when the reaper has been.
    if (before?.state === 'made' && 'painter' in way && variants.uploads.options.layout.keys === 'perVersion') {
      await removeVariant(db, claim, id, 0)
      await rows.wantVariant(db, claim, id)
    }
    asked.orders.push({ id, wanted, recipe })
  }
  return asked
}

function refused(claim: Claim, { orders, impossible }: Asked, reason: string): Outcome {
  return {
    state: 'skipped',
    reason,
    apply: async (db) => {
      for (const id of [...orders.map((order) => order.id), ...impossible])
        await rows.failVariant(db, claim, id, reason)
      await askForTheRest(db, claim)
    },
  }
}

interface Drawing {
  claim: Claim
  found: Inspected
  way: Exclude<Way, { reason: string }>
  orders: readonly Order[]
  kept: Map<Order, KeptDerived>
}

/** @returns why not everything was drawn */
async function drawAll(variants: Variants, desk: Desk, drawing: Drawing): Promise<string | undefined> {
  const { claim, found, way, orders } = drawing
  const original = await fetchSource(variants.uploads, claim, found, desk)
  try {
    const source = way.converter ? await convert(desk, way.converter, original) : original
    await desk.sandbox.run<PreviewJob, Picture>(
      desk.child,
      { source, wanted: orders.map(({ wanted }) => wanted), limits: LIMITS },
      {
        folder: desk.folder,
        limits: CHILD_LIMITS,
        signal: desk.signal,
        grants: way.painter.grants,
        take: (picture) => keep(variants, desk, drawing, picture),
      },
    )
    return undefined
  } catch (error) {
    const reason = stoppedBy(error)
    if (reason === undefined) throw error
    return reason
  }
}

const EXTENSIONS: Readonly<Record<PictureFormat, string>> = { jpeg: 'jpg', png: 'png', webp: 'webp', avif: 'avif' }

async function keep(
  { uploads }: Variants,
  { signal }: Desk,
  { claim, orders, kept }: Drawing,
  { index, bytes, width, height }: Picture,
): Promise<void> {
  const order = orders[index]
  if (!order) throw new Error(`picture ${index} was not asked for`)
  const { id, wanted, recipe } = order
  const { tenant_id, asset_id, n } = claim
  const derived = {
    ...id,
    of: { tenant_id, asset_id, n },
    mediaType: `image/${wanted.format}`,
    extension: EXTENSIONS[wanted.format],
    width,
    height,
    recipe,
    attached: false,
  }
  const opened = { complete: true, bytes: Buffer.from(bytes) } as const
  const options = { limitBytes: CHILD_LIMITS.outputBytes, signal }
  kept.set(
    order,
    await keepDerived(uploads, derived, opened, options).catch((error) => {
      if (isUniqueViolation(error))
        throw new NotNow('the place of the picture before is not free yet', { cause: error })
      throw error
    }),
  )
}

function drawn(
  variants: Variants,
  claim: Claim,
  found: Inspected,
  { orders, impossible }: Asked,
  kept: ReadonlyMap<Order, KeptDerived>,
  reason: string | undefined,
): Outcome {
  return {
    state: 'done',
    reason: reason ?? null,
    apply: async (db) => {
      for (const order of orders) {
        const made = kept.get(order)
        if (made) await putVariant(db, claim, order.id, made, variants.options.releaseDelaySeconds)
        else await rows.failVariant(db, claim, order.id, reason ?? `it has no page ${order.wanted.page}`)
      }
      for (const id of impossible)
        await rows.failVariant(db, claim, id, `there is no such variant of ${found.media_type}`)
      await askForTheRest(db, claim)
    },
  }
}

/** What was asked for while this was at work. */
async function askForTheRest(db: Db, claim: Claim): Promise<void> {
  const left = (await rows.findVariants(db, claim)).some(({ state }) => state === 'wanted')
  if (left) await askStep(db, claim, claim.priority)
}

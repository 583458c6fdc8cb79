import type { Readable } from 'node:stream'
import { madeVariants, type Output, type Parsed } from '@stowage/contract'
import { agrees, findMediaType } from '../../domain/media-type.ts'
import { Problem } from '../../domain/problem.ts'
import { isUniqueViolation } from '../../platform/database/transaction.ts'
import { committing, refuseBetween } from '../../platform/failure.ts'
import { type Call, type Context, invoke } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import { lockForChange, reserve } from '../assets/room.ts'
import type { VersionId } from '../inspection/room.ts'
import { type Derived, type KeptDerived, keepDerived, openBody, steady } from '../uploads/room.ts'
import { getVersion } from '../versions/room.ts'
import { putVariant } from './keeping.ts'
import type { Variants } from './room.ts'
import { shownVariant } from './shown.ts'
import * as rows from './variants.sql.ts'

const MAX_BYTES = 32 * 1024 * 1024
/** Of a version. */
const MAX_ATTACHED = 100
const RETRY_AFTER_SECONDS = 10

type Variant = Output<'variants.attach'>

export interface Attachment {
  call: Call
  body: Readable
  /** As its sender calls it, if at all. */
  declaredType: string | undefined
}

/**
 * Keeps a file that a caller derived from a version beside it. It is looked at and scanned like every file, and taken
 * only when that came to an end.
 */
export async function attachVariant(variants: Variants, attachment: Attachment): Promise<Variant> {
  const { call, body, declaredType } = attachment
  const { platform } = variants.uploads
  const intended = await invoke<'variants.attach', Intended>(
    platform,
    'variants.attach',
    call,
    (context, input) => intend(context, input),
    { audited: false },
  )
  // Each is held in memory as a whole.
  const endTurn = await variants.attaching.take()
  try {
    const kept = await receive(variants, intended, body, declaredType)
    return await commit(variants, call, intended, kept)
  } catch (error) {
    throw await refuseBetween(platform, 'variants.attach', call, intended.principal, translated(error))
  } finally {
    endTurn()
  }
}

interface Intended {
  principal: Context['principal']
  of: VersionId
  id: { name: string; suffix: string }
}

async function intend(context: Context, input: Parsed<'variants.attach'>): Promise<Intended> {
  const { name, suffix = '' } = input
  if ((madeVariants as readonly string[]).includes(name)) throw new Problem('variant.nameReserved')
  const asset = await lockForChange(context, input.assetId)
  const { n } = await getVersion(context, asset.id, input.version ?? asset.current_n)
  return {
    principal: context.principal,
    of: { tenant_id: context.tenantId, asset_id: asset.id, n },
    id: { name, suffix },
  }
}

async function receive(
  { uploads }: Variants,
  { of, id }: Intended,
  body: Readable,
  declaredType: string | undefined,
): Promise<KeptDerived> {
  const opened = await openBody(steady(body, uploads.options.stallSeconds), MAX_BYTES)
  if (!opened.complete) throw new Problem('upload.tooLarge', { limitBytes: MAX_BYTES })
  const { bytes } = opened
  if (bytes.length === 0) throw new Problem('upload.empty')
  const signal = new AbortController().signal
  const detected = await uploads.inspector.detect(bytes, { name: '', complete: true })
  const mediaType = agreedType(detected.mediaType, declaredType)
  const read = async (start: number, length: number) => bytes.subarray(start, start + length)
  await uploads.inspector.checkBounds(mediaType, { sizeBytes: bytes.length, read }, signal)
  const derived: Derived = {
    ...id,
    of,
    mediaType,
    extension: findMediaType(mediaType)?.extensions[0],
    width: null,
    height: null,
    recipe: null,
    attached: true,
  }
  const tap = uploads.scanning?.begin()
  try {
    const kept = await keepDerived(uploads, derived, opened, { limitBytes: MAX_BYTES, signal, tap })
    const { status, finding } = kept.scan
    if (status === 'infected') throw new Problem('upload.scanFound', { finding: finding ?? '' })
    if (status === 'pending') throw new Problem('variant.notScanned', { retryAfterSeconds: RETRY_AFTER_SECONDS })
    return kept
  } finally {
    tap?.cancel()
  }
}

function agreedType(detected: string, declared: string | undefined): string {
  const verdict = agrees(detected, declared)
  if (verdict.ok) return verdict.mediaType
  throw new Problem('upload.typeMismatch', {
    detected,
    declared: declared ?? null,
    name: '',
    reason: verdict.reason,
  })
}

function commit(variants: Variants, call: Call, { id }: Intended, kept: KeptDerived): Promise<Variant> {
  return committing(
    invoke<'variants.attach', Variant>(variants.uploads.platform, 'variants.attach', call, async (context, input) => {
      const { of } = await intend(context, input)
      const { db } = context
      const before = await rows.findVariantRow(db, of, id)
      if (!before && (await rows.countAttached(db, of)) >= MAX_ATTACHED)
        throw new Problem('variant.tooMany', { limit: MAX_ATTACHED })
      if (!(await reserve(db, kept.sizeBytes, 0))) throw new Problem('quota.exceeded')
      await putVariant(db, of, id, kept, variants.options.releaseDelaySeconds)
      return shownVariant(context, of, (await rows.findVariantRow(db, of, id)) as rows.VariantRow)
    }),
  )
}

function translated(error: unknown): unknown {
  // The key of the one before is its own until the reaper has been.
  if (isUniqueViolation(error)) return new Problem('variant.notReady', { retryAfterSeconds: RETRY_AFTER_SECONDS })
  return storeProblem(error)
}

import { type Output, operations, type Parsed } from '@stowage/contract'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { type Principal, permits } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import { refuseBetween } from '../../platform/failure.ts'
import { type Call, type Context, type Handler, invoke, type StoreHandlers } from '../../platform/invoke.ts'
import { storeProblem } from '../../platform/store-problem.ts'
import type { ObjectStore, StoreCapabilities } from '../../providers/stores/port.ts'
import { findAsset, reserve, showAsset } from '../assets/room.ts'
import { requireFreeKey } from './exact-key.ts'
import { CONTENT, keyFor, prefixFor, STAGING, scopeOf } from './placing.ts'
import { keyFactsOf, planUpload, termsAhead } from './plan.ts'
import type { Fields, Uploads } from './room.ts'
import { partCountOf, partSize, partSizeBytes, type Strategy, strategyFor } from './staged.rules.ts'
import * as rows from './staged.sql.ts'
import { arrivedParts, callOn, firstRequest, opened, signPart, soonest } from './staged-requests.ts'
import { makeTarget, storeOf } from './target.ts'
import { surelyRefused } from './uploads.rules.ts'
import { insertCopy, insertReservation } from './uploads.sql.ts'

type Beginning = Parsed<'uploads.create'> | Parsed<'resumable.create'>

/** The operations on staged uploads that speak to a store; they do so between transactions. */
export function stagedOperations(uploads: Uploads): Omit<StoreHandlers, 'signedUrls.create'> {
  return {
    'uploads.create': async (call) => {
      const made = await invoke<'uploads.create', Made>(uploads.platform, 'uploads.create', call, (context, input) => {
        return beginStaged(context, uploads, input, strategyFor(input.strategy, input.sizeBytes))
      })
      const staged = await reread(uploads, made)
      return answering(async () => ({
        ...shownStaged(staged, []),
        ...(await firstRequest(uploads, call, await opened(uploads, staged))),
      }))
    },
    'uploads.signParts': async (call) => {
      const { staged, input } = await readStaged(uploads, 'uploads.signParts', call, {
        check: (found, { numbers }) => requireParts(found, numbers),
      })
      const expiresAt = soonest(uploads, staged, input.expiresInSeconds)
      if (staged.copy_id !== null) {
        const copyId = staged.copy_id
        await uploads.platform.inTenant(staged.tenant_id, (db) =>
          rows.keepWritable(db, staged.tenant_id, copyId, expiresAt),
        )
      }
      return answering(async () => ({
        items: await Promise.all(input.numbers.map((number) => signPart(uploads, call, staged, number, expiresAt))),
      }))
    },
    'uploads.parts': async (call) => {
      const { staged } = await readStaged(uploads, 'uploads.parts', call)
      return answering(async () => ({ items: await arrivedParts(uploads, staged) }))
    },
    'uploads.complete': async (call) => {
      const { staged, principal } = await readStaged(uploads, 'uploads.complete', call, {
        audited: false,
        check: ({ strategy, state }) => {
          if (strategy === 'resumable') throw new Problem('upload.notOpen', { state })
        },
      })
      if (staged.state === 'open') {
        await requireWhole(uploads, staged).catch(async (error) => {
          throw await refuseBetween(uploads.platform, 'uploads.complete', call, principal, storeProblem(error))
        })
      }
      const shown = await invoke(uploads.platform, 'uploads.complete', call, completeStaged)
      uploads.finishing.ring()
      return shown
    },
  }
}

async function completeStaged(
  context: Context,
  { uploadId }: Parsed<'uploads.complete'>,
): Promise<Output<'uploads.complete'>> {
  const locked = required(await rows.lockStaged(context.db, context.tenantId, toUuid(uploadId)))
  if (locked.state === 'failed') {
    throw new Problem('upload.notOpen', { state: locked.state })
  }
  if (locked.state !== 'open') return shownStaged(locked, [])
  await rows.markCompleting(context.db, context.tenantId, locked.id)
  return shownStaged({ ...locked, state: 'completing' }, [])
}

/** The operations that read and end staged uploads. */
export const stagedHandlers = {
  'uploads.get': async (context, { uploadId }) => {
    const staged = required(await rows.findStaged(context.db, context.tenantId, toUuid(uploadId)))
    const shown = shownStaged(staged, await rows.findParts(context.db, context.tenantId, staged.id))
    const made = staged.state === 'done' ? await findAsset(context, shown.assetId as string) : undefined
    return { ...shown, ...(made && { asset: showAsset(context, made) }) }
  },
  'uploads.cancel': async (context, { uploadId }) => {
    const staged = required(await rows.lockStaged(context.db, context.tenantId, toUuid(uploadId)))
    if (staged.state === 'completing') throw new Problem('upload.notOpen', { state: staged.state })
    await rows.releaseStaged(context.db, staged.id)
    await rows.deleteStaged(context.db, context.tenantId, staged.id)
    return undefined
  },
} satisfies { [Name in 'uploads.get' | 'uploads.cancel']: Handler<Name> }

interface Made {
  id: string
  tenantId: string
}

/**
 * Records a staged upload: whose it is, what is said of it, and what it reserves of the quota.
 *
 * @throws Problem like `planUpload`, and `upload.tooLarge` | `upload.typeNotAllowed` | `quota.exceeded`
 */
export async function beginStaged(
  context: Context,
  uploads: Uploads,
  input: Beginning,
  strategy: Strategy,
): Promise<Made> {
  const { sizeBytes, mediaType, ...rest } = input
  const {
    strategy: _asked,
    expiresInSeconds = DEFAULT_SECONDS,
    ...fields
  } = rest as Fields & {
    strategy?: string
    expiresInSeconds?: number
  }
  const { db, tenantId, principal } = context
  if (fields.assetId !== undefined && permits(principal, 'assets.edit') !== 'yes')
    throw new Problem('access.outOfScope', { action: 'assets.edit' })
  if (fields.assetId !== undefined) refuseBesidesVersion(fields)
  const plan = await planUpload(context, fields, { generated: false }, uploads.options, await termsAhead(db, fields))
  if ((sizeBytes ?? 0) > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
  if (surelyRefused(mediaType, plan.name, plan.rules)) {
    const { assetType, rules, name } = plan
    throw new Problem('upload.typeNotAllowed', { mediaType: mediaType ?? name, assetType, allowed: rules.mediaTypes })
  }
  if (!(await reserve(db, sizeBytes ?? 0, plan.existing ? 0 : 1))) throw new Problem('quota.exceeded')
  const uploadId = newUuid()
  const scope = scopeOf(uploads.options.layout, plan.owner.id)
  const facts = keyFactsOf(context, plan, uploadId, 1)
  const { layout } = uploads.options
  const within = prefixFor(layout, facts)
  const key = keyFor(layout, facts)
  if (!plan.existing) await requireFreeKey(db, tenantId, layout, facts, { storeId: plan.storeId, key })
  const prefix = `${STAGING}${within}${toId('upload', uploadId)}/`
  const expiresAt = new Date(context.now.getTime() + expiresInSeconds * 1000)
  const direct = goesStraight(uploads, plan.storeId, strategy)
  if (direct) {
    const place = { storeId: plan.storeId, scope, copyId: facts.copyId, key: prefix + CONTENT, within }
    await insertCopy(db, await makeTarget(uploads, db, tenantId, place), expiresAt)
  }
  await insertReservation(db, {
    tenantId,
    uploadId,
    copyId: direct ? facts.copyId : null,
    assetId: fields.assetId === undefined ? null : toUuid(fields.assetId),
    principalId: principal.id ?? tenantId,
    reservedBytes: sizeBytes ?? 0,
    reservedFiles: plan.existing ? 0 : 1,
    leaseUntil: expiresAt,
  })
  await rows.insertStaged(db, {
    tenant_id: tenantId,
    id: uploadId,
    strategy,
    principal_id: principal.id ?? tenantId,
    key_id: principal.keyId,
    platform: principal.kind === 'platform',
    rank: principal.rank,
    scopes: principal.scopes === null ? null : [...principal.scopes],
    fields,
    asset_id: fields.assetId === undefined ? null : toUuid(fields.assetId),
    size_bytes: sizeBytes ?? null,
    media_type: mediaType ?? null,
    part_bytes: strategy === 'multipart' ? partSizeBytes(sizeBytes as number) : null,
    store_id: plan.storeId,
    scope,
    prefix,
    copy_id: direct ? facts.copyId : null,
    expires_at: expiresAt,
  })
  return { id: toId('upload', uploadId), tenantId }
}

const DEFAULT_SECONDS = 86_400
const OF_VERSION: ReadonlySet<string> = new Set(Object.keys(operations['versions.create'].input.shape))

/** Said now, for what a new version may not say would be found out when its bytes are there. */
function refuseBesidesVersion(fields: Fields): void {
  const unknown = Object.keys(fields).filter((field) => !OF_VERSION.has(field))
  if (unknown.length === 0) return
  const reason = 'is said of an asset, not of a new version'
  throw new Problem('request.invalid', { errors: unknown.map((field) => ({ field, reason })) })
}

/** Whether the bytes pass us by: where the store can be written to by a signed request, and we do not encrypt them. */
function goesStraight(uploads: Uploads, storeId: string, strategy: Strategy): boolean {
  const capability: Record<Strategy, keyof StoreCapabilities | undefined> = {
    'single-put': 'presignedPut',
    'post-policy': 'presignedPost',
    multipart: 'presignedParts',
    resumable: undefined,
  }
  const needed = capability[strategy]
  return needed !== undefined && uploads.isUp(storeId) && storeOf(uploads, storeId).capabilities[needed] === true
}

async function reread(uploads: Uploads, { id, tenantId }: Made): Promise<rows.StagedUpload> {
  return required(await uploads.platform.inTenant(tenantId, (db) => rows.findStaged(db, tenantId, toUuid(id))))
}

function required(staged: rows.StagedUpload | undefined): rows.StagedUpload {
  if (!staged) throw new Problem('upload.notFound')
  return staged
}

interface Read<Name extends 'uploads.signParts' | 'uploads.parts' | 'uploads.complete'> {
  staged: rows.StagedUpload
  input: Parsed<Name>
  principal: Principal
}

/** Reads an upload with the caller's rights: the policy says whose it is. */
async function readStaged<Name extends 'uploads.signParts' | 'uploads.parts' | 'uploads.complete'>(
  uploads: Uploads,
  name: Name,
  call: Call,
  options: { audited?: boolean; check?: (staged: rows.StagedUpload, input: Parsed<Name>) => void } = {},
): Promise<Read<Name>> {
  const { check, ...how } = options
  return invoke<Name, Read<Name>>(
    uploads.platform,
    name,
    call,
    async (context, input) => {
      const staged = required(await rows.findStaged(context.db, context.tenantId, toUuid(input.uploadId)))
      if (staged.state === 'open' && staged.expires_at <= context.now) throw new Problem('upload.expired')
      check?.(staged, input)
      return { staged, input, principal: context.principal }
    },
    how,
  )
}

function requireParts(staged: rows.StagedUpload, numbers: readonly number[]): void {
  if (staged.state !== 'open' || staged.part_bytes === null)
    throw new Problem('upload.notOpen', { state: staged.state })
  const count = partCountOf(staged.size_bytes as number, staged.part_bytes)
  const strange = numbers.filter((number) => number > count)
  if (strange.length === 0) return
  const reason = `there are parts 1 to ${count}, not ${strange.join(', ')}`
  throw new Problem('request.invalid', { errors: [{ field: 'numbers', reason }] })
}

async function answering<Result>(work: () => Promise<Result>): Promise<Result> {
  return work().catch((error) => {
    throw storeProblem(error)
  })
}

/** @throws Problem `upload.incomplete` saying what is missing */
async function requireWhole(uploads: Uploads, staged: rows.StagedUpload): Promise<void> {
  const store: ObjectStore = storeOf(uploads, staged.store_id)
  const exact = staged.strategy !== 'post-policy'
  const expected = staged.size_bytes as number
  if (staged.copy_id !== null && staged.strategy !== 'multipart') {
    const found = await store.head(staged.prefix + CONTENT, callOn(staged))
    if (!found) throw new Problem('upload.incomplete', { reason: 'nothing has arrived' })
    if (exact && found.storedBytes !== expected) throw new Problem('upload.wrongSize', { expected })
    return
  }
  const parts = await arrivedParts(uploads, staged)
  const arrived = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  if (parts.length === 0) throw new Problem('upload.incomplete', { reason: 'nothing has arrived' })
  if (staged.strategy === 'multipart') {
    const missing = missingParts(staged, parts)
    if (missing.length > 0)
      throw new Problem('upload.incomplete', { reason: `parts ${missing.join(', ')} are missing` })
  } else if (exact && arrived !== expected) {
    throw new Problem('upload.incomplete', { reason: `${expected - arrived} bytes are missing` })
  }
}

function missingParts(staged: rows.StagedUpload, parts: readonly { number: number; sizeBytes: number }[]): number[] {
  const { size_bytes: sizeBytes, part_bytes: partBytes } = staged as { size_bytes: number; part_bytes: number }
  const arrived = new Map(parts.map((part) => [part.number, part.sizeBytes]))
  const numbers = Array.from({ length: partCountOf(sizeBytes, partBytes) }, (_, index) => index + 1)
  return numbers.filter((number) => arrived.get(number) !== partSize(sizeBytes, partBytes, number)).slice(0, 20)
}

export function shownStaged(
  staged: rows.StagedUpload,
  parts: readonly { size_bytes: number }[],
): Output<'uploads.get'> {
  const assetId = staged.made_asset_id ?? staged.asset_id
  return {
    id: toId('upload', staged.id),
    strategy: staged.strategy as Strategy,
    state: staged.state as Output<'uploads.get'>['state'],
    assetId: assetId === null ? null : toId('asset', assetId),
    sizeBytes: staged.size_bytes,
    receivedBytes: staged.copy_id === null ? parts.reduce((sum, part) => sum + part.size_bytes, 0) : null,
    partBytes: staged.part_bytes,
    partCount: staged.part_bytes === null ? null : partCountOf(staged.size_bytes as number, staged.part_bytes),
    problem: staged.problem as Output<'uploads.get'>['problem'],
    createdAt: staged.created_at.toISOString(),
    expiresAt: staged.expires_at.toISOString(),
  }
}

import { createHash } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { newUuid, toId } from '../../domain/id.ts'
import type { Role } from '../../domain/key-layout.ts'
import { Problem } from '../../domain/problem.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { VariantTable } from '../../platform/database/tables.ts'
import { type Opened, sourceOf } from './body.ts'
import { DATABASE_STORE, type KeyFacts, keyFor, prefixFor } from './placing.ts'
import { ownerName } from './plan.ts'
import type { ScanTap, Uploads } from './room.ts'
import { sealSmall } from './small.ts'
import { besideBytes, makeTarget, type Place, type Target } from './target.ts'
import { beatUpload, putThrough } from './transfer.ts'
import { NO_SCANNER, type Owner, type ScanFacts } from './uploads.rules.ts'
import { insertCopy } from './uploads.sql.ts'

/** A file that is derived from a version, and is to lie where its layout puts such files. */
export interface Derived {
  of: Pick<Selectable<VariantTable>, 'tenant_id' | 'asset_id' | 'n'>
  name: string
  /** Empty where there is one of the name. */
  suffix: string
  mediaType: string
  /** Without its dot. */
  extension: string | undefined
  width: number | null
  height: number | null
  /** How it was made. */
  recipe: string | null
  /** By a caller, who is held to the quota. */
  attached: boolean
}

/** Bytes that are in their place, for the transaction that points a variant at them. */
export interface KeptDerived {
  sizeBytes: number
  scan: ScanFacts
  /** @throws Problem `upload.lost` when the version, or the copy, is no more */
  commit(db: Db): Promise<void>
}

interface Checked {
  sizeBytes: number
  sha256: Buffer
  scan: ScanFacts
}

/**
 * Brings the bytes of a variant into their place, encrypted as those of their source would be. Until they are committed
 * nothing points at them, and what is left so is the reaper's.
 *
 * @throws Problem `version.notFound` | `upload.tooLarge`; StoreError
 */
export async function keepDerived(
  uploads: Uploads,
  derived: Derived,
  opened: Opened,
  options: { limitBytes: number; signal: AbortSignal; tap?: ScanTap | undefined },
): Promise<KeptDerived> {
  const { layout, smallObjectBytes } = uploads.options
  const small = layout.keys === 'perObject' && opened.complete && opened.bytes.length <= smallObjectBytes
  const source = await uploads.platform.inTenant(derived.of.tenant_id, (db) => findSource(db, derived.of))
  if (!source) throw new Problem('version.notFound')
  return small
    ? keepSmall(uploads, derived, source, opened.bytes, options)
    : keepLarge(uploads, derived, source, opened, options)
}

interface SourceRow {
  scope: string
  created_at: Date
  asset_name: string
  asset_type: string
  owner_id: string | null
  owner_kind: string | null
  slug: string
  store_id: string | null
}

async function findSource(db: Db, { tenant_id, asset_id, n }: Derived['of']): Promise<SourceRow | undefined> {
  const { rows } = await sql<SourceRow>`
    select v.scope, v.created_at, a.name as asset_name, a.asset_type, a.owner_id, a.owner_kind, o.slug, o.store_id
    from version v
      join asset a on a.tenant_id = v.tenant_id and a.id = v.asset_id
      join organization o on o.tenant_id = v.tenant_id
    where v.tenant_id = ${tenant_id} and v.asset_id = ${asset_id} and v.n = ${n}`.execute(db)
  return rows[0]
}

async function keepSmall(
  uploads: Uploads,
  derived: Derived,
  { scope }: SourceRow,
  bytes: Buffer,
  { limitBytes, tap }: Parameters<typeof keepDerived>[3],
): Promise<KeptDerived> {
  if (bytes.length > limitBytes) throw new Problem('upload.tooLarge', { limitBytes })
  await tap?.write(bytes)
  const scan = (await tap?.verdict()) ?? NO_SCANNER
  const checked = { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest(), scan }
  const { tenant_id: tenantId } = derived.of
  return {
    ...checked,
    async commit(db) {
      const copyId = newUuid()
      const destination = { storeId: DATABASE_STORE, layout: uploads.options.layout }
      const placementId = await uploads.placements.idOf(db, tenantId, destination)
      const sealed = await sealSmall(uploads, { db, tenantId }, scope, copyId, bytes)
      const copy = {
        copyId,
        placementId,
        scope,
        storeId: DATABASE_STORE,
        key: copyId,
        ...sealed.terms,
        bytes: Buffer.concat(sealed.parts),
        bound: false,
      }
      await commitVariant(db, derived, checked, copy)
    },
  }
}

async function keepLarge(
  uploads: Uploads,
  derived: Derived,
  source: SourceRow,
  opened: Opened,
  { limitBytes, signal, tap }: Parameters<typeof keepDerived>[3],
): Promise<KeptDerived> {
  const { tenant_id: tenantId } = derived.of
  const target = await uploads.platform.inTenant(tenantId, async (db) => {
    const made = await makeTarget(uploads, db, tenantId, placeOfDerived(uploads, derived, source))
    await insertCopy(db, made, new Date(Date.now() + uploads.options.leaseSeconds * 1000))
    return made
  })
  const abort = new AbortController()
  const giveUp = () => abort.abort(signal.reason)
  signal.addEventListener('abort', giveUp)
  const stopBeating = beatUpload(uploads, target, abort)
  try {
    const beside = besideBytes(target, derived.mediaType)
    const { receipt, tally } = await putThrough(uploads, target, sourceOf(opened), limitBytes, beside, abort, tap)
    const checked = { ...tally, scan: (await tap?.verdict()) ?? NO_SCANNER }
    const { envelope = null, storedBytes } = receipt
    const bound = uploads.options.layout.keys === 'perVersion'
    const copy = { ...target, encrypted: envelope !== null, envelope, storedBytes, bytes: null, bound }
    return { ...checked, commit: (db) => commitVariant(db, derived, checked, copy) }
  } finally {
    signal.removeEventListener('abort', giveUp)
    stopBeating()
  }
}

/** The roles that a layout may have a template for; there is one of each, or it is told apart by its suffix. */
function roleOf({ name, suffix }: Derived): Role {
  if (suffix === '' && (name === 'thumbnail' || name === 'sidecar')) return name
  return suffix !== '' && name === 'animated' ? name : 'variant'
}

function placeOfDerived(uploads: Uploads, derived: Derived, source: SourceRow): Place {
  const { layout, storeId } = uploads.options
  const role = roleOf(derived)
  const { name, suffix, of } = derived
  const owner = ownerName({ id: source.owner_id, kind: source.owner_kind as Owner['kind'] })
  const facts: KeyFacts = {
    organizationSlug: source.slug,
    assetType: source.asset_type,
    owner,
    assetId: of.asset_id,
    copyId: newUuid(),
    n: of.n,
    name: source.asset_name,
    extension: derived.extension,
    createdAt: source.created_at,
    suffix: role === 'variant' ? [name, suffix].filter(Boolean).join('-') : suffix,
  }
  return {
    storeId: source.store_id ?? storeId,
    scope: source.scope,
    copyId: facts.copyId,
    key: keyFor(layout, facts, role),
    within: prefixFor(layout, facts),
    ...(layout.keys === 'perVersion' && {
      metadata: {
        variant: name,
        type: source.asset_type,
        owner,
        asset: toId('asset', of.asset_id),
        version: String(of.n),
      },
    }),
  }
}

type Copy = Pick<Target, 'copyId' | 'placementId' | 'scope' | 'storeId' | 'key' | 'encrypted'> & {
  storedBytes: number
  envelope: Buffer | null
  bytes: Buffer | null
  /** Whether it belongs to this version alone. */
  bound: boolean
}

async function commitVariant(
  db: Db,
  derived: Derived,
  { sizeBytes, sha256, scan }: Checked,
  copy: Copy,
): Promise<void> {
  const { of, name, suffix, attached, recipe, mediaType, width, height } = derived
  const { rows } = await sql<{ placed: string }>`select api.commit_variant(${of.asset_id}, ${of.n}, ${name}, ${suffix},
    ${attached}, ${recipe}, ${mediaType}, ${width}, ${height}, ${copy.copyId}, ${sha256}, ${sizeBytes}, ${scan.status},
    ${scan.reason}, ${scan.signatures}, ${copy.scope}, ${copy.placementId}, ${copy.storeId}, ${copy.key}, ${copy.encrypted}, ${copy.storedBytes},
    ${copy.envelope}, ${copy.bound}, ${copy.bytes}, ${newUuid()}) as placed`.execute(db)
  if (rows[0]?.placed === 'lost') throw new Problem('upload.lost')
}

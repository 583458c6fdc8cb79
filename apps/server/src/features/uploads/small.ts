import { createHash } from 'node:crypto'
import { newUuid, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { type Call, type Context, invoke } from '../../platform/invoke.ts'
import { sealBuffer } from '../../providers/stores/encrypted.ts'
import type { Asset } from '../assets/room.ts'
import { DATABASE_STORE, scopeOf } from './placing.ts'
import { commitVersion, planUpload, termsAhead } from './plan.ts'
import type { Fields, UploadRequest, Uploads } from './room.ts'
import { acceptedType, type ContentFacts, NO_SCANNER, type ScanFacts } from './uploads.rules.ts'
import type { Terms } from './uploads.sql.ts'

/**
 * The short way, for a body that is here whole: checked in memory, then kept in the database in the transaction of its
 * rows. One commit, and nothing that could be left behind.
 */
export async function receiveSmall(uploads: Uploads, request: UploadRequest, bytes: Buffer): Promise<Asset> {
  const call: Call = { ...request.call, input: { ...request.call.input, ...(await request.lateFields()) } }
  const facts = await inspectBuffer(uploads, call, bytes)
  const use = call.idempotencyKey && {
    key: call.idempotencyKey,
    identity: { input: call.input, sha256: facts.sha256.toString('hex') },
    part: 'whole' as const,
  }
  return invoke<typeof request.operation, Asset, Terms | undefined>(
    uploads.platform,
    request.operation,
    call,
    async (context, parsed, ahead) => {
      const input = parsed as Fields
      const plan = await planUpload(context, input, request, uploads.options, ahead)
      if (bytes.length > plan.limitBytes) throw new Problem('upload.tooLarge', { limitBytes: plan.limitBytes })
      const claims = {
        name: plan.name,
        declaredType: request.declaredType,
        expectedSha256: request.expectedSha256 ?? input.sha256,
      }
      const mediaType = acceptedType(facts, claims, plan.assetType, plan.rules)
      const destination = { storeId: DATABASE_STORE, layout: uploads.options.layout }
      const placementId = await uploads.placements.idOf(context.db, context.tenantId, destination)
      const scope = scopeOf(destination.layout, plan.owner.id)
      const copyId = newUuid()
      const sealed = await sealSmall(uploads, context, scope, copyId, bytes)
      return commitVersion(context, input, plan, {
        facts,
        mediaType,
        isRead: uploads.inspector.reads(mediaType),
        isDrawn: uploads.inspector.draws(mediaType),
        scope,
        perVersion: false,
        assetId: input.assetId === undefined ? newUuid() : toUuid(input.assetId),
        n: undefined,
        staged: request.staged,
        copy: {
          copyId,
          placementId,
          storeId: DATABASE_STORE,
          key: copyId,
          storedBytes: sealed.bytes.length,
          ...sealed,
        },
      })
    },
    { idempotency: use || undefined, ahead: (db, input) => termsAhead(db, input as Fields) },
  )
}

async function inspectBuffer(uploads: Uploads, call: Call, bytes: Buffer): Promise<ContentFacts> {
  const name = (call.input as { name?: unknown }).name
  const detected = await uploads.inspector.detect(bytes, { name: typeof name === 'string' ? name : '', complete: true })
  const reader = {
    sizeBytes: bytes.length,
    read: async (start: number, length: number) => bytes.subarray(start, start + length),
  }
  await uploads.inspector.checkBounds(detected.mediaType, reader, new AbortController().signal)
  return {
    scan: await scanBuffer(uploads, bytes),
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest(),
    detected: detected.mediaType,
    charset: detected.encoding ?? null,
  }
}

async function scanBuffer({ scanning }: Uploads, bytes: Buffer): Promise<ScanFacts> {
  if (!scanning) return NO_SCANNER
  const tap = scanning.begin()
  await tap.write(bytes)
  return tap.verdict()
}

/** The bytes of a small object as they are to lie in the database. */
export async function sealSmall(
  uploads: Uploads,
  { db, tenantId }: Pick<Context, 'db' | 'tenantId'>,
  scope: string,
  copyId: string,
  bytes: Buffer,
) {
  if (!uploads.options.encryptSmall) return { bytes, envelope: null, encrypted: false }
  const wrapper = await uploads.scopeKeys.wrapperOf(db, tenantId, scope)
  const { sealed, envelope } = await sealBuffer(bytes, wrapper, copyId)
  return { bytes: sealed, envelope, encrypted: true }
}

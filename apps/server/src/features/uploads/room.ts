import type { Readable } from 'node:stream'
import type { UploadFields } from '@stowage/contract'
import type { Layout } from '../../domain/key-layout.ts'
import { Problem } from '../../domain/problem.ts'
import type { Call, Platform } from '../../platform/invoke.ts'
import type { ScopeKeyring } from '../../platform/scope-keys.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'
import type { Asset } from '../assets/room.ts'
import { openBody, steady } from './body.ts'
import { receiveLarge } from './large.ts'
import type { Placements } from './placing.ts'
import { receiveSmall } from './small.ts'

/** What an upload may say beside its bytes; a new version says less. */
export type Fields = UploadFields & { assetId?: string }

/** One file on its way in, through whichever door and in whichever form. */
export interface UploadRequest {
  call: Call & { input: Record<string, unknown> }
  operation: 'assets.create' | 'versions.create'
  body: Readable
  /** The media type the sender gave, if any. */
  declaredType: string | undefined
  /** Exact size in bytes, where the sender said it beforehand. */
  sizeBytes: number | undefined
  /** The hash that the sender expects, lower-case hexadecimal. */
  expectedSha256: string | undefined
  /** A text made by a program: it has no human owner and is named after its type. */
  generated: boolean
  /** Fields that came after the file; read once the body has ended. */
  lateFields: () => Promise<Record<string, unknown>>
}

/** Looks at the bytes: what they are, and whether opening them is safe. Given by the wiring. */
export interface Inspector {
  detect(
    head: Buffer,
    context: { name: string; complete: boolean; tail?: Buffer },
  ): Promise<{ mediaType: string; encoding?: string }>
  /** @throws Problem `upload.archiveRefused` | `upload.imageRefused` */
  checkBounds(
    mediaType: string,
    reader: { sizeBytes: number; read(start: number, length: number): Promise<Buffer> },
    signal: AbortSignal,
  ): Promise<void>
}

export interface UploadsOptions {
  /** Up to this size an object lies in the database, beside its row; 0 for never. */
  smallObjectBytes: number
  maxSizeBytes: number
  stallSeconds: number
  leaseSeconds: number
  /** Where larger objects go. */
  storeId: string
  layout: Layout
  /** Whether we encrypt what lies in the database. */
  encryptSmall: boolean
}

export interface Uploads {
  platform: Platform
  stores: ReadonlyMap<string, ObjectStore>
  encryptedStores: ReadonlySet<string>
  placements: Placements
  scopeKeys: ScopeKeyring
  inspector: Inspector
  options: UploadsOptions
}

/** Enough for the detectors, whatever the threshold for small objects. */
const HEAD_BYTES = 64 * 1024

/**
 * The one way in for bytes: the first few are read, and the file goes the short way when they are all there is.
 *
 * @returns the asset, durable and readable as its policy allows
 */
export async function receiveUpload(uploads: Uploads, request: UploadRequest): Promise<Asset> {
  const { options } = uploads
  if (request.sizeBytes !== undefined && request.sizeBytes > options.maxSizeBytes) {
    throw new Problem('upload.tooLarge', { limitBytes: options.maxSizeBytes })
  }
  // A per-version layout promises exact keys, which the database store does not have.
  const smallBytes = options.layout.keys === 'perVersion' ? 0 : options.smallObjectBytes
  const opened = await openBody(steady(request.body, options.stallSeconds), Math.max(smallBytes, HEAD_BYTES))
  if (opened.complete && opened.bytes.length === 0) throw new Problem('upload.empty')
  if (opened.complete && opened.bytes.length <= smallBytes) return receiveSmall(uploads, request, opened.bytes)
  return receiveLarge(uploads, request, opened)
}

export { createPlacements, DATABASE_STORE, type Placements } from './placing.ts'

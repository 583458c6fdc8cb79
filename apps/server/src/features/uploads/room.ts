import type { Readable } from 'node:stream'
import type { UploadFields } from '@stowage/contract'
import type { Layout } from '../../domain/key-layout.ts'
import type { Turns } from '../../domain/turns.ts'
import type { Bell } from '../../platform/bell.ts'
import type { Db } from '../../platform/database/connect.ts'
import type { Call, Platform } from '../../platform/invoke.ts'
import type { Lanes } from '../../platform/lanes.ts'
import type { ScopeKeyring } from '../../platform/scope-keys.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import type { Packs } from '../../providers/stores/packs.ts'
import type { ObjectStore } from '../../providers/stores/port.ts'
import type { Placements } from './placing.ts'
import type { ScanFacts } from './uploads.rules.ts'

/** What an upload may say beside its bytes; a new version says less. */
export type Fields = UploadFields & { assetId?: string }

/** One file on its way in, through whichever door and in whichever form. */
export interface UploadRequest {
  call: Call & { input: Record<string, unknown> }
  operation: 'assets.create' | 'versions.create'
  body: Readable
  /** Is given each piece of the body once it has been copied. Undefined where somebody else may hold the pieces too. */
  giveBack?: (piece: Buffer) => void
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
  /** Where the body comes from, when it was staged. */
  staged?: StagedSource
}

/** Bytes that lie in a store already and are on their way to their final place. */
export interface StagedSource {
  /** Their share of the quota is held until they are there. */
  reserved: boolean
  /**
   * Ends, in the transaction that makes the version, what the bytes were staged by.
   *
   * @throws Problem `upload.lost` when it was ended, or taken up anew, since
   */
  end: (db: Db, assetId: string) => Promise<void>
  /** Where all of its bytes lie as one object, unencrypted: a store copies that by itself. */
  object: { storeId: string; key: string } | undefined
}

/** Looks at the bytes: what they are, and whether opening them is safe. Given by the wiring. */
export interface Inspector {
  detect(
    head: Buffer,
    context: { name: string; complete: boolean; tail?: Buffer },
  ): Promise<{ mediaType: string; encoding?: string }>
  /** Whether somebody reads what files of this type say. */
  reads(mediaType: string): boolean
  /** Whether such files are drawn as soon as they arrive, where their asset type asks for pictures. */
  draws(mediaType: string): boolean
  /** @throws Problem `upload.archiveRefused` | `upload.imageRefused` */
  checkBounds(
    mediaType: string,
    reader: { sizeBytes: number; read(start: number, length: number): Promise<Buffer> },
    signal: AbortSignal,
  ): Promise<void>
}

/** Has bytes scanned while they stream by. Given by the wiring. */
export interface Scanning {
  begin(): ScanTap
}

/** One file on its way past the scanner, which never fails it and never holds it up for long. */
export interface ScanTap {
  write(bytes: Buffer): Promise<void>
  /** `pending` where there is no verdict yet: the pipeline finishes it. */
  verdict(): Promise<ScanFacts>
  /** Does nothing after `verdict`. */
  cancel(): void
}

export interface UploadsOptions {
  /** Up to this size an object lies in the database, beside its row; 0 for never. */
  smallObjectBytes: number
  /** Whether the larger ones of these lie in packs on this machine's disk, and their row says where. */
  packSmall: boolean
  maxSizeBytes: number
  stallSeconds: number
  leaseSeconds: number
  /** Where larger objects go, unless the organization says otherwise. */
  storeId: string
  /** Where a second copy of them goes, if anywhere. */
  secondStoreId: string | undefined
  /** Where they go while that store is down, if anywhere. */
  fallbackStoreId: string | undefined
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
  /** Undefined where no scanner is set up. */
  scanning: Scanning | undefined
  /** In which small files are committed together. */
  lanes: Lanes
  packs: Packs
  /** For bodies that are being received, or lie in memory until they are kept. */
  arriving: Turns
  /** Signs the service's own URLs for uploading. */
  signing: SecretKeys
  /** Rung when an upload is to be finished. */
  finishing: Bell
  /** Whether a store answers, as far as is known. */
  isUp: (storeId: string) => boolean
  options: UploadsOptions
}

export { openBody, steady } from './body.ts'
export { type Derived, type KeptDerived, keepDerived } from './derived.ts'
export { openCopy, type StoredCopy } from './open-copy.ts'
export { createPlacements, DATABASE_STORE, isStaged, type Placements } from './placing.ts'
export { receiveUpload } from './receive.ts'
export { replicateCopy } from './replicate.ts'
export { appendResumable, beginResumable, type Piece, readResumable } from './resumable.ts'
export type { Checksum } from './resumable-body.ts'
export type { ResumableUpload } from './resumable-end.ts'
export { createWriters, type Writers } from './resumable-writers.ts'
export { stagedHandlers, stagedOperations } from './staged.ts'
export { expireStaged, finishStaged, isPassing } from './staged-finish.ts'
export { type PartRequest, receivePart } from './staged-parts.ts'
export { storeOf } from './target.ts'
export { NO_SCANNER, type ScanFacts } from './uploads.rules.ts'

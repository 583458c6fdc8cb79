import { extensionOf, generatedName } from '../../domain/asset-name.ts'
import { agrees, allowed, mediaTypeForExtension, UNKNOWN_MEDIA_TYPE } from '../../domain/media-type.ts'
import { type Principal, principalKind } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import type { AssetTypeRules } from '../tenants/room.ts'

/** An archive's true kind may only show at its end. */
export const ZIP = 'application/zip'

/** The asset type of what was recorded of a call. */
export const RECORDING = 'recording'

const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

/** When something was recorded, where its metadata says so by ISO 8601: a date (UTC), or a moment with its zone. */
export function recordedAtOf(metadata: Record<string, unknown> | undefined): Date | undefined {
  const said = metadata?.['recordedAt']
  if (typeof said !== 'string' || !DATE.test(said)) return undefined
  const day = new Date(said.slice(0, 10))
  // A day that no calendar has would become one of the next month.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== said.slice(0, 10)) return undefined
  const moment = new Date(said)
  return Number.isNaN(moment.getTime()) ? undefined : moment
}

/** What a scanner says of a content, and what it knew then. */
export interface ScanFacts {
  status: 'pending' | 'clean' | 'infected' | 'not_scanned'
  reason: string | null
  finding: string | null
  signatures: string | null
}

export const NO_SCANNER: ScanFacts = { status: 'not_scanned', reason: 'noScanner', finding: null, signatures: null }

/** What the content turned out to be. */
export interface ContentFacts {
  scan: ScanFacts
  sizeBytes: number
  sha256: Buffer
  /** As detected, before name and declaration were looked at. */
  detected: string
  charset: string | null
}

export interface Claims {
  name: string
  declaredType: string | undefined
  expectedSha256: string | undefined
}

/**
 * The media type to keep for a content, once it, its name and its declaration agree and the asset type takes it.
 *
 * @throws Problem `upload.digestMismatch` | `upload.typeMismatch` | `upload.typeNotAllowed`
 */
export function acceptedType(facts: ContentFacts, claims: Claims, assetType: string, rules: AssetTypeRules): string {
  const actual = facts.sha256.toString('hex')
  if (claims.expectedSha256 !== undefined && claims.expectedSha256 !== actual) {
    throw new Problem('upload.digestMismatch', { expected: claims.expectedSha256, actual })
  }
  const verdict = agrees(facts.detected, claims.declaredType, extensionOf(claims.name))
  if (!verdict.ok) {
    throw new Problem('upload.typeMismatch', {
      detected: facts.detected,
      declared: claims.declaredType ?? null,
      name: claims.name,
      reason: verdict.reason,
    })
  }
  if (!allowed(rules.mediaTypes, verdict.mediaType)) {
    throw new Problem('upload.typeNotAllowed', { mediaType: verdict.mediaType, assetType, allowed: rules.mediaTypes })
  }
  return verdict.mediaType
}

/** Whether nothing that is claimed of a file is taken, so that its bytes need not be sent to find that out. */
export function surelyRefused(declaredType: string | undefined, name: string, rules: AssetTypeRules): boolean {
  const ofExtension = mediaTypeForExtension(extensionOf(name) ?? '')?.name
  const ofSender = declaredType === UNKNOWN_MEDIA_TYPE ? undefined : declaredType
  const claims = [ofSender, ofExtension].filter((claim) => claim !== undefined)
  return claims.length > 0 && claims.every((claim) => !allowed(rules.mediaTypes, claim))
}

/** The most bytes that a file of this type may have here. The narrowest limit counts. */
export function sizeLimit(platformLimit: number, organizationLimit: number | null, rules: AssetTypeRules): number {
  return Math.min(
    platformLimit,
    organizationLimit ?? Number.POSITIVE_INFINITY,
    rules.maxSizeBytes ?? Number.POSITIVE_INFINITY,
  )
}

export interface Owner {
  id: string | null
  kind: 'user' | 'apiKey' | null
}

/** Who owns what is uploaded: the member acted for, else the key; nobody for the platform's and for generated texts. */
export function ownerOf(principal: Principal, generated: boolean): Owner {
  if (generated || principal.kind === 'platform' || principal.id === null) return { id: null, kind: null }
  return { id: principal.id, kind: principalKind(principal) }
}

/** The name as given, or one that says what a generated text is and when it was made. */
export function nameOf(given: string | undefined, generated: boolean, assetType: string, now: Date): string {
  if (given !== undefined) return given
  return generated ? generatedName(assetType, now) : 'file'
}

import type { Layout } from '../../domain/key-layout.ts'
import type { Diagnosis } from './advice.ts'

/**
 * The store administration port: setting up one store and judging it. Only operators' commands use it; the service
 * itself works with ObjectStore alone and with fewer rights.
 *
 * Glossary
 * - setting: one property of a bucket or container that Stowage wants to be a certain way.
 * - step: a setting as a plan has it, with what would be sent to make it so.
 * - finding: a setting as it was found.
 * - `cannot`: the server does not have the setting, or takes it and does not keep it. Never counted as done.
 */
export interface StoreAdmin {
  /** The bucket or container, as its vendor's tools call it. */
  readonly place: string

  /**
   * What there is to do, in the order in which it is done. Reads the live settings and changes nothing.
   *
   * @throws StoreError `denied` | `throttled` | `unavailable`
   */
  plan(wanted: WantedStore): Promise<Step[]>

  /**
   * Every setting as it is. What may not be read is `unknown`.
   *
   * @throws StoreError `throttled` | `unavailable`
   */
  posture(wanted: WantedStore): Promise<Finding[]>

  /** The least that each part needs. Pure: nothing is asked. */
  policies(needs: AccessNeeds): AccessDocument[]

  /**
   * Makes the roles of `policies`, or brings them up to date. Twice changes nothing.
   *
   * @param trusted who may take the roles; those that the provider can tell if it is empty
   * @throws StoreError; `unsupported` where nobody is named and the server cannot tell
   */
  createRoles(needs: AccessNeeds, trusted: readonly string[]): Promise<RoleOutcome[]>

  /** Sends one request that needs credentials and the bucket, and tells what its answer shows. @throws whatever fails */
  contact(): Promise<Contact>

  /** What is behind a failure of this store or of this port. May ask the server to tell two causes apart. */
  diagnose(error: unknown): Promise<Diagnosis>

  /** Sends bytes with the checksum of others under a key. A caller removes what was taken all the same. */
  refusesWrongChecksum(key: string): Promise<boolean>

  /** What the credentials may do beyond what the service needs, where the server can tell. */
  excessRights(): Promise<ExcessRights>

  close(): Promise<void>
}

export interface WantedStore {
  /** Where a bucket is to lie whose settings do not say so. */
  region?: string | undefined
  /** Encrypts by this key of the vendor's key service instead of the vendor's own. */
  kmsKey?: string
  versioning: boolean
  objectLock: boolean
  /** Web origins whose pages upload to the store and read from it. */
  origins: readonly string[]
}

export interface Step {
  title: string
  /** In plain words. */
  why: string
  /** The exact request, for people to read. */
  setting: string
  state: 'done' | 'todo' | 'cannot' | 'unknown'
  /** Why it is not done: what is there now, or why it cannot be. */
  reason?: string
  /** @throws StoreError */
  apply(): Promise<StepOutcome>
}

export type StepOutcome = { state: 'done'; changed: boolean } | { state: 'cannot'; reason: string }

export interface Finding {
  title: string
  verdict: 'ok' | 'wrong' | 'unknown'
  /** What was found, where it is not ok. */
  reason?: string
  /** How to mend it, where it is wrong. */
  mend?: string
}

export interface AccessNeeds {
  storeId: string
  /** Those under which new copies are stored, and those that older copies still lie under. */
  layouts: readonly Layout[]
  /** Before the keys of objects that others put there to become assets. */
  inbox?: string
  /** A queue that brings news of the bucket. */
  queueUrl?: string
  kmsKey?: string
}

export interface AccessDocument {
  /** The role it belongs to; none for a template. */
  role?: string
  title: string
  /** Whom it is for, in plain words. */
  purpose: string
  /** In the vendor's own form. */
  document: object
}

export interface RoleOutcome {
  role: string
  /** How the store's settings name it. */
  name: string
  outcome: 'created' | 'updated' | 'already so' | 'cannot'
  reason?: string
}

export interface Contact {
  /** Where the bucket lies, where the server says so. */
  region?: string
  versioning: 'on' | 'off' | 'suspended' | 'unknown'
  /** Addresses that are spoken to without TLS beyond this machine. */
  insecure: readonly string[]
}

export type ExcessRights = { known: true; rights: readonly string[] } | { known: false; reason: string }

/** Before every key of bytes that wait to be checked. */
export const STAGING_PREFIX = 'staging/'

/** Before every key that a store is tried out with: files of nobody, left by whoever was killed meanwhile. */
export const PROBE_PREFIX = `${STAGING_PREFIX}probe-`

/**
 * How long what was left unfinished may lie, in days: a presigned request lives for seven at most, and another seven
 * leave time to look into what went wrong.
 */
export const UNFINISHED_DAYS = 14

/**
 * What the keys of a layout begin with, with `*` for each value that is not the same for everybody: the isolation
 * prefix, or, where the layout promises none, the fixed beginnings of its templates.
 */
export function prefixesOf(layout: Layout): string[] {
  const { prefix } = layout.isolation
  if (prefix !== '') return [starred(prefix)]
  const heads = Object.values(layout.templates).map((template) => starred(template.slice(0, template.indexOf('{'))))
  return [...new Set(heads)]
}

function starred(prefix: string): string {
  return prefix.replaceAll(/\{[^}]*\}/g, '*')
}

/** Whether an address is spoken to without TLS, and not only on this machine. */
export function isInsecure(address: string | undefined): address is string {
  if (!address?.startsWith('http:')) return false
  return !isLoopback(address)
}

function isLoopback(address: string): boolean {
  const { hostname } = new URL(address)
  return hostname === 'localhost' || hostname.endsWith('.localhost') || /^(127\.|\[::1\]$)/.test(hostname)
}

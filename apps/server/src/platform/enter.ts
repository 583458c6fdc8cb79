import type { ProblemCode } from '@stowage/contract'
import { sql } from 'kysely'
import { newUuid, toUuid } from '../domain/id.ts'
import type { Principal, PrincipalKind, Role } from '../domain/principal.ts'
import { problemOf, Refusal } from '../domain/problem.ts'
import { type Db, fixed, send } from './database/connect.ts'

/** What a caller showed at the door. Signatures and tokens have been verified; nothing has been looked up. */
export type Credential =
  | { kind: 'secret'; hash: Buffer; organization: string | null; actFor: string | null }
  | {
      kind: 'token'
      organization: string
      subject: string
      email: string | null
      name: string | null
      role: string | null
    }
  | { kind: 'signed'; tenantId: string; assetId: string; makerKind: string; makerId: string; epoch: number }
  /** A staged upload, by its signed URL or by the service that finishes it. */
  | { kind: 'upload'; tenantId: string; uploadId: string }
  /** An object in an organization's inbox, by the service that makes an asset of it. */
  | { kind: 'inbox'; tenantId: string }
  | { kind: 'public'; assetId: string }
  | { kind: 'none' }

interface Entrance {
  outcome: string
  tenant_id: string
  slug: string
  kind: string
  principal_id: string | null
  key_id: string | null
  role: string
  rank: number
  scopes: string[] | null
  requests_per_minute: number | null
}

/** The first statement of every transaction: who is this, and in which organization. Sets what the policies read. */
export async function enter(db: Db, credential: Credential, readOnly: boolean): Promise<Principal | Refusal> {
  if (credential.kind === 'none') return new Refusal(problemOf('credential.missing'))
  const entered = (await send(db, callOf(credential)))[0] as Entrance
  if (entered.outcome === 'member.unseen' && readOnly) throw new UnseenMember()
  if (entered.outcome !== 'ok') return new Refusal(problemOf(entered.outcome as ProblemCode))
  return {
    kind: entered.kind as PrincipalKind,
    id: entered.principal_id,
    keyId: entered.key_id,
    role: entered.role as Role,
    rank: entered.rank,
    scopes: entered.scopes,
    tenantId: entered.tenant_id,
    organizationSlug: entered.slug,
    requestsPerMinute: entered.requests_per_minute,
  }
}

/** An organization named in the address is the one that is entered; a key of another organization is refused there. */
export function intoNamed(credential: Credential, input: unknown): Credential {
  const { organizationId } = input as { organizationId?: string }
  if (organizationId === undefined || credential.kind !== 'secret') return credential
  return { ...credential, organization: toUuid(organizationId) }
}

const enterBySecret = fixed('select * from api.enter($1, $2, $3)')

function callOf(credential: Exclude<Credential, { kind: 'none' }>) {
  switch (credential.kind) {
    case 'secret':
      return enterBySecret(credential.hash, credential.organization, credential.actFor)
    case 'token':
      return sql`select * from api.enter_token(${credential.organization}, ${credential.subject}, ${credential.email},
        ${credential.name}, ${credential.role}, ${newUuid()})`
    case 'signed':
      return sql`select * from api.enter_signed(${credential.tenantId}, ${credential.assetId}, ${credential.makerKind},
        ${credential.makerId}, ${credential.epoch})`
    case 'upload':
      return sql`select * from api.enter_upload(${credential.tenantId}, ${credential.uploadId})`
    case 'inbox':
      return sql`select * from api.enter_inbox(${credential.tenantId})`
    case 'public':
      return sql`select * from api.enter_public(${credential.assetId})`
  }
}

/** A token's member is not there yet and a read-only transaction cannot make one: the door makes it and asks again. */
export class UnseenMember extends Error {
  constructor() {
    super('the member is made on first sight, in a transaction that may write')
    this.name = 'UnseenMember'
  }
}

/** The service's own work in one organization. */
export function enterSystem(tenantId: string): (db: Db) => Promise<void> {
  return async (db) => {
    await send(db, sql`select api.enter_system(${tenantId})`)
  }
}

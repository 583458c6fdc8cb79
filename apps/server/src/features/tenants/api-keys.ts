import { createHash, randomBytes } from 'node:crypto'
import type { Output } from '@stowage/contract'
import type { Selectable } from 'kysely'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { rankOf } from '../../domain/principal.ts'
import { Problem } from '../../domain/problem.ts'
import type { ApiKeyTable } from '../../platform/database/tables.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { idAfter, pageOf } from '../../platform/page.ts'
import { ownTenant } from './organizations.ts'
import * as rows from './tenants.sql.ts'

const PREFIX_LENGTH = 12

/** A new secret, what of it may be shown later, and the hash that is all we keep. */
export function newSecret(): { secret: string; prefix: string; hash: Buffer } {
  const secret = `stw_${randomBytes(32).toString('base64url')}`
  return { secret, prefix: secret.slice(0, PREFIX_LENGTH), hash: hashSecret(secret) }
}

/** SHA-256 is enough: the secret has 256 random bits, which nobody can try through. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

export const apiKeyHandlers = {
  'apiKeys.create': async (context, input) => {
    const tenantId = input.organizationId === undefined ? context.tenantId : ownTenant(context, input.organizationId)
    refuseAbove(context, input.role)
    const memberId = input.userId === undefined ? null : await memberOf(context, tenantId, input.userId)
    const { secret, prefix, hash } = newSecret()
    const id = newUuid()
    const expiresAt =
      input.expiresInSeconds === undefined ? null : new Date(context.now.getTime() + input.expiresInSeconds * 1000)
    await rows.insertApiKey(context.db, {
      tenant_id: tenantId,
      id,
      name: input.name,
      role: input.role,
      member_id: memberId,
      ceiling: Math.min(context.principal.rank, rankOf.owner),
      scopes: narrowed(context, input.scopes),
      prefix,
      requests_per_minute: input.requestsPerMinute ?? null,
      expires_at: expiresAt,
    })
    await rows.insertCredential(context.db, { hash, tenant_id: tenantId, key_id: id })
    return { id: toId('apiKey', id), secret, prefix, expiresAt: expiresAt?.toISOString() ?? null }
  },
  'apiKeys.list': async (context, { limit, cursor }) => {
    const found = await rows.findApiKeys(
      context.db,
      context.tenantId,
      idAfter(context, { list: 'apiKeys' }, cursor),
      limit + 1,
    )
    return pageOf(context, { list: 'apiKeys' }, limit, found, shown, (row) => [row.id])
  },
  'apiKeys.rotate': async (context, { keyId, overlapSeconds }) => {
    const key = await getKey(context, keyId)
    const { secret, prefix, hash } = newSecret()
    await rows.expireCredentials(
      context.db,
      context.tenantId,
      key.id,
      new Date(context.now.getTime() + overlapSeconds * 1000),
    )
    await rows.insertCredential(context.db, { hash, tenant_id: context.tenantId, key_id: key.id })
    await rows.setApiKeyPrefix(context.db, context.tenantId, key.id, prefix)
    return { id: keyId, secret, prefix, expiresAt: key.expires_at?.toISOString() ?? null }
  },
  'apiKeys.delete': async (context, { keyId }) => {
    const key = await getKey(context, keyId)
    await rows.revokeApiKey(context.db, context.tenantId, key.id, context.now)
    return undefined
  },
} satisfies { [Name in `apiKeys.${'create' | 'list' | 'rotate' | 'delete'}`]: Handler<Name> }

async function getKey(context: Context, keyId: string) {
  const key = await rows.lockApiKey(context.db, context.tenantId, toUuid(keyId))
  if (!key) throw new Problem('apiKey.notFound')
  refuseAbove(context, key.role)
  return key
}

/** Nobody makes, renews or takes away a key that may more than they may themselves. */
function refuseAbove(context: Context, role: string): void {
  const rank = role === 'agent' ? rankOf.editor : rankOf[role as keyof typeof rankOf]
  if (rank === undefined || rank > context.principal.rank) throw new Problem('apiKey.roleTooHigh', { role })
}

/** A narrowed key hands on no scope that it lacks. */
function narrowed(context: Context, asked: readonly string[] | undefined): string[] | null {
  const own = context.principal.scopes
  if (own === null) return asked === undefined ? null : [...asked]
  return (asked ?? own).filter((scope) => own.includes(scope))
}

async function memberOf(context: Context, tenantId: string, userId: string): Promise<string> {
  const member = await rows.findMember(context.db, tenantId, toUuid(userId))
  if (!member) throw new Problem('member.notFound')
  return member.id
}

function shown(row: Selectable<ApiKeyTable>): Output<'apiKeys.list'>['items'][number] {
  return {
    id: toId('apiKey', row.id),
    name: row.name,
    role: row.role as Output<'apiKeys.list'>['items'][number]['role'],
    userId: row.member_id === null ? null : toId('member', row.member_id),
    scopes: row.scopes as Output<'apiKeys.list'>['items'][number]['scopes'],
    prefix: row.prefix,
    requestsPerMinute: row.requests_per_minute,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
  }
}

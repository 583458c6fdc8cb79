import { type IdKind, idPrefixes, type Output } from '@stowage/contract'
import { isKind, toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Handler } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import type { SecretKeys } from '../../platform/secrets.ts'
import { type EventRow, findEvents } from './audit.sql.ts'
import { verifyChain } from './verify.ts'

/** Who did what: search the trail, check its chain. */
export function auditHandlers(signing: SecretKeys) {
  return {
    'auditEvents.list': async (context, { limit, cursor, principal, ...query }) => {
      const question = { list: 'auditEvents', principal, ...query }
      const position = positionOf(context, question, cursor) as [string, string] | undefined
      const from = position && { at: position[0], id: position[1] }
      const filter = { ...query, principalId: principal === undefined ? undefined : uuidOf(principal) }
      const found = await findEvents(context.db, context.tenantId, filter, from, limit + 1)
      return pageOf(context, question, limit, found, shown, (row) => [row.at.toISOString(), row.id])
    },
    'auditEvents.verify': (context) => verifyChain(context.db, context.tenantId, signing),
  } satisfies { [Name in `auditEvents.${'list' | 'verify'}`]: Handler<Name> }
}

function uuidOf(id: string): string {
  const kinds = Object.keys(idPrefixes) as IdKind[]
  if (kinds.some((kind) => isKind(kind, id))) {
    try {
      return toUuid(id)
    } catch {
      // Falls through to the problem below.
    }
  }
  throw new Problem('request.invalid', { errors: [{ field: 'principal', reason: 'must be an id' }] })
}

function shown(row: EventRow): Output<'auditEvents.list'>['items'][number] {
  const body = JSON.parse(row.body) as { problem: string | null }
  return {
    id: toId('auditEvent', row.id),
    at: row.at.toISOString(),
    action: row.action,
    outcome: row.outcome as 'allowed',
    principal: {
      kind: row.principal_kind,
      id: row.principal_id && toId(row.principal_kind === 'user' ? 'member' : 'apiKey', row.principal_id),
    },
    subject: row.subject,
    requestId: row.request_id,
    problem: body.problem,
    ip: row.ip,
    sealed: row.batch !== null,
    body: row.body,
  }
}

export { type SealedHead, sealEvents } from './seal.ts'
export { trimEvents } from './trim.ts'
export { type KeptHeads, verifyChain } from './verify.ts'

import type { Output } from '@stowage/contract'
import type { Selectable } from 'kysely'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { MemberTable } from '../../platform/database/tables.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { idAfter, pageOf } from '../../platform/page.ts'
import { ownTenant } from './organizations.ts'
import * as rows from './tenants.sql.ts'

export const memberHandlers = {
  'members.list': async (context, { organizationId, limit, cursor }) => {
    const tenantId = ownTenant(context, organizationId)
    const found = await rows.findMembers(context.db, tenantId, idAfter(context, { list: 'members' }, cursor), limit + 1)
    return pageOf(context, { list: 'members' }, limit, found, shown, (row) => [row.id])
  },
  'members.create': async (context, { organizationId, externalId, email, name, role }) => {
    const tenantId = ownTenant(context, organizationId)
    refuseAbove(context, role)
    const created = await rows.insertMember(context.db, {
      tenant_id: tenantId,
      id: newUuid(),
      external_id: externalId ?? null,
      email: email ?? null,
      name: name ?? null,
      role,
    })
    if (!created) throw new Problem('member.exists', { externalId: externalId ?? '' })
    return shown(created)
  },
  'members.update': async (context, { organizationId, memberId, role, name }) => {
    const tenantId = ownTenant(context, organizationId)
    const member = await getMember(context, tenantId, memberId)
    if (role !== undefined) refuseAbove(context, role)
    if (role !== undefined && role !== 'owner') await refuseLastOwner(context, tenantId, member)
    if (role === undefined && name === undefined) return shown(member)
    const changes = { ...(role !== undefined && { role }), ...(name !== undefined && { name }) }
    const changed = await rows.updateMember(context.db, tenantId, member.id, changes)
    if (!changed) throw new Problem('member.notFound')
    return shown(changed)
  },
  'members.delete': async (context, { organizationId, memberId }) => {
    const tenantId = ownTenant(context, organizationId)
    const member = await getMember(context, tenantId, memberId)
    await refuseLastOwner(context, tenantId, member)
    await rows.leaveTeams(context.db, tenantId, member.id)
    // The row keeps its external id, so that a token of theirs does not make them a member again. As a viewer's it can
    // be put back by any admin.
    await rows.updateMember(context.db, tenantId, member.id, { removed_at: context.now, role: 'viewer' })
    return undefined
  },
} satisfies { [Name in `members.${'list' | 'create' | 'update' | 'delete'}`]: Handler<Name> }

async function getMember(context: Context, tenantId: string, memberId: string) {
  const member = await rows.findMember(context.db, tenantId, toUuid(memberId))
  if (!member) throw new Problem('member.notFound')
  if (member.role === 'owner') refuseAbove(context, 'owner')
  return member
}

/** Only owners make, change and remove owners. */
function refuseAbove(context: Context, role: string): void {
  if (role === 'owner' && context.principal.role !== 'owner')
    throw new Problem('access.forbidden', { action: 'members.manage' })
}

async function refuseLastOwner(
  context: Context,
  tenantId: string,
  member: { id: string; role: string },
): Promise<void> {
  if (member.role !== 'owner') return
  const owners = await rows.lockOwners(context.db, tenantId)
  if (!owners.some((owner) => owner.id !== member.id)) throw new Problem('member.lastOwner')
}

function shown(row: Selectable<MemberTable>): Output<'members.create'> {
  return {
    id: toId('member', row.id),
    externalId: row.external_id,
    email: row.email,
    name: row.name,
    role: row.role as Output<'members.create'>['role'],
    createdAt: row.created_at.toISOString(),
  }
}

import type { Output } from '@stowage/contract'
import { newUuid, toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { ownTenant } from './organizations.ts'
import * as rows from './tenants.sql.ts'

export const teamHandlers = {
  'teams.list': async (context, { organizationId }) => {
    const found = await rows.findTeams(context.db, ownTenant(context, organizationId))
    return { items: found.map(shown), nextCursor: null }
  },
  'teams.create': async (context, { organizationId, name, memberIds }) => {
    const tenantId = ownTenant(context, organizationId)
    const id = newUuid()
    const created = await rows.insertTeam(context.db, { tenant_id: tenantId, id, name })
    if (!created) throw new Problem('team.nameTaken', { name })
    await setMembers(context, tenantId, id, memberIds)
    return getTeam(context, tenantId, id)
  },
  'teams.update': async (context, { organizationId, teamId, name, memberIds }) => {
    const tenantId = ownTenant(context, organizationId)
    const id = toUuid(teamId)
    await getTeam(context, tenantId, id)
    if (name !== undefined) {
      if (await rows.isTeamNameTaken(context.db, tenantId, name, id)) throw new Problem('team.nameTaken', { name })
      await rows.renameTeam(context.db, tenantId, id, name)
    }
    if (memberIds !== undefined) await setMembers(context, tenantId, id, memberIds)
    return getTeam(context, tenantId, id)
  },
  'teams.delete': async (context, { organizationId, teamId }) => {
    const deleted = await rows.deleteTeam(context.db, ownTenant(context, organizationId), toUuid(teamId))
    if (!deleted) throw new Problem('team.notFound')
    return undefined
  },
} satisfies { [Name in `teams.${'list' | 'create' | 'update' | 'delete'}`]: Handler<Name> }

async function setMembers(
  context: Context,
  tenantId: string,
  teamId: string,
  memberIds: readonly string[],
): Promise<void> {
  const wanted = new Set(memberIds.map(toUuid))
  const set = await rows.replaceTeamMembers(context.db, tenantId, teamId, [...wanted])
  if (set !== wanted.size) throw new Problem('member.notFound')
}

async function getTeam(context: Context, tenantId: string, id: string): Promise<Output<'teams.create'>> {
  const [team] = await rows.findTeams(context.db, tenantId, id)
  if (!team) throw new Problem('team.notFound')
  return shown(team)
}

function shown(row: {
  id: string
  name: string
  member_ids: string[] | null
  created_at: Date
}): Output<'teams.create'> {
  return {
    id: toId('team', row.id),
    name: row.name,
    memberIds: (row.member_ids ?? []).map((id) => toId('member', id)),
    createdAt: row.created_at.toISOString(),
  }
}

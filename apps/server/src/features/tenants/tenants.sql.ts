import { type Insertable, sql, type Updateable } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import type { ApiKeyTable, MemberTable, OrganizationTable } from '../../platform/database/tables.ts'

/** All SQL of the tenants room. The policies already narrow every statement to the caller's organization. */

export function insertOrganization(db: Db, row: Insertable<OrganizationTable>) {
  return db
    .insertInto('organization')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
}

export function insertGuards(db: Db, tenantId: string) {
  return db
    .insertInto('guard')
    .values(['hold', 'quota'].map((name) => ({ tenant_id: tenantId, name })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export function findOrganization(db: Db, tenantId: string) {
  return db.selectFrom('organization').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst()
}

export function findOrganizations(db: Db, after: string | undefined, limit: number, onlyTenant: string | undefined) {
  return db
    .selectFrom('organization')
    .selectAll()
    .$if(after !== undefined, (query) => query.where('tenant_id', '>', after as string))
    .$if(onlyTenant !== undefined, (query) => query.where('tenant_id', '=', onlyTenant as string))
    .orderBy('tenant_id')
    .limit(limit)
    .execute()
}

export function updateOrganization(db: Db, tenantId: string, changes: Updateable<OrganizationTable>) {
  return db
    .updateTable('organization')
    .set({ ...changes, updated_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .returningAll()
    .executeTakeFirst()
}

export async function countAssets(db: Db, tenantId: string): Promise<number> {
  const { count } = await db
    .selectFrom('asset')
    .select(sql<number>`count(*)`.as('count'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow()
  return count
}

/** What belongs to the organization alone goes with it; the audit trail stays. */
export async function deleteOrganization(db: Db, tenantId: string): Promise<void> {
  await sql`select api.release_staged(id) from staged_upload where tenant_id = ${tenantId}`.execute(db)
  const tables = [
    'staged_upload',
    'quarantine_entry',
    'false_positive',
    'team',
    'member',
    'asset_type',
    'api_key',
  ] as const
  for (const table of tables) {
    await db.deleteFrom(table).where('tenant_id', '=', tenantId).execute()
  }
  await db.deleteFrom('organization').where('tenant_id', '=', tenantId).execute()
}

export function findMembers(db: Db, tenantId: string, after: string | undefined, limit: number) {
  return db
    .selectFrom('member')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('removed_at', 'is', null)
    .$if(after !== undefined, (query) => query.where('id', '>', after as string))
    .orderBy('id')
    .limit(limit)
    .execute()
}

export function findMember(db: Db, tenantId: string, id: string) {
  return db
    .selectFrom('member')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
}

/** Adds a member, or puts back one who was removed; undefined when there is one of that external id. */
export function insertMember(db: Db, row: Insertable<MemberTable>) {
  const { role, email, name } = row
  return db
    .insertInto('member')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'external_id'])
        .doUpdateSet({ role, email, name, removed_at: null })
        .where('member.removed_at', 'is not', null),
    )
    .returningAll()
    .executeTakeFirst()
}

export function updateMember(db: Db, tenantId: string, id: string, changes: Updateable<MemberTable>) {
  return db
    .updateTable('member')
    .set(changes)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
}

/** Locks the organization's owners in order, so that two of them cannot remove each other at once. */
export function lockOwners(db: Db, tenantId: string) {
  return db
    .selectFrom('member')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('role', '=', 'owner')
    .where('removed_at', 'is', null)
    .orderBy('id')
    .forUpdate()
    .execute()
}

export function findTeams(db: Db, tenantId: string, id?: string) {
  return db
    .selectFrom('team')
    .selectAll('team')
    .select((query) =>
      query
        .selectFrom('team_member')
        .select(sql<string[]>`coalesce(array_agg(member_id order by member_id), '{}')`.as('ids'))
        .whereRef('team_member.tenant_id', '=', 'team.tenant_id')
        .whereRef('team_member.team_id', '=', 'team.id')
        .as('member_ids'),
    )
    .where('tenant_id', '=', tenantId)
    .$if(id !== undefined, (query) => query.where('id', '=', id as string))
    .orderBy('name')
    .limit(1000)
    .execute()
}

export function insertTeam(db: Db, row: { tenant_id: string; id: string; name: string }) {
  return db
    .insertInto('team')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
}

export async function isTeamNameTaken(db: Db, tenantId: string, name: string, exceptId: string): Promise<boolean> {
  const other = await db
    .selectFrom('team')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('id', '<>', exceptId)
    .executeTakeFirst()
  return other !== undefined
}

export function renameTeam(db: Db, tenantId: string, id: string, name: string) {
  return db.updateTable('team').set({ name }).where('tenant_id', '=', tenantId).where('id', '=', id).execute()
}

/** Puts these members, of those the organization has, in place of the team's. */
export async function replaceTeamMembers(
  db: Db,
  tenantId: string,
  teamId: string,
  memberIds: readonly string[],
): Promise<number> {
  await db.deleteFrom('team_member').where('tenant_id', '=', tenantId).where('team_id', '=', teamId).execute()
  if (memberIds.length === 0) return 0
  const inserted = await db
    .insertInto('team_member')
    .columns(['tenant_id', 'team_id', 'member_id'])
    .expression((query) =>
      query
        .selectFrom('member')
        .select(['tenant_id', sql<string>`${teamId}::uuid`.as('team_id'), 'id'])
        .where('tenant_id', '=', tenantId)
        .where('id', '=', sql<string>`any(${memberIds})`)
        .where('removed_at', 'is', null),
    )
    .executeTakeFirst()
  return Number(inserted.numInsertedOrUpdatedRows ?? 0n)
}

export function leaveTeams(db: Db, tenantId: string, memberId: string) {
  return db.deleteFrom('team_member').where('tenant_id', '=', tenantId).where('member_id', '=', memberId).execute()
}

export async function deleteTeam(db: Db, tenantId: string, id: string): Promise<boolean> {
  const deleted = await db.deleteFrom('team').where('tenant_id', '=', tenantId).where('id', '=', id).executeTakeFirst()
  return deleted.numDeletedRows > 0n
}

export function findAssetTypes(db: Db, tenantId: string) {
  return db.selectFrom('asset_type').selectAll().where('tenant_id', '=', tenantId).orderBy('name').execute()
}

export function putAssetType(db: Db, tenantId: string, name: string, rules: object) {
  const json = JSON.stringify(rules)
  return db
    .insertInto('asset_type')
    .values({ tenant_id: tenantId, name, rules: json })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'name']).doUpdateSet({ rules: json, updated_at: sql`now()` }),
    )
    .execute()
}

export async function deleteAssetType(db: Db, tenantId: string, name: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('asset_type')
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .executeTakeFirst()
  return deleted.numDeletedRows > 0n
}

export function insertApiKey(db: Db, row: Insertable<ApiKeyTable>) {
  return db.insertInto('api_key').values(row).execute()
}

export function insertCredential(db: Db, row: { hash: Buffer; tenant_id: string; key_id: string }) {
  return db.insertInto('credential').values(row).execute()
}

export function findApiKeys(db: Db, tenantId: string, after: string | undefined, limit: number) {
  return db
    .selectFrom('api_key')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('revoked_at', 'is', null)
    .$if(after !== undefined, (query) => query.where('id', '>', after as string))
    .orderBy('id')
    .limit(limit)
    .execute()
}

export function lockApiKey(db: Db, tenantId: string, id: string) {
  return db
    .selectFrom('api_key')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
}

/** The secrets that a key has now stop working when the overlap ends, or earlier if that was said before. */
export function expireCredentials(db: Db, tenantId: string, keyId: string, at: Date) {
  return db
    .updateTable('credential')
    .set({ expires_at: sql<Date>`least(expires_at, ${at})` })
    .where('tenant_id', '=', tenantId)
    .where('key_id', '=', keyId)
    .execute()
}

export function setApiKeyPrefix(db: Db, tenantId: string, id: string, prefix: string) {
  return db.updateTable('api_key').set({ prefix }).where('tenant_id', '=', tenantId).where('id', '=', id).execute()
}

export function revokeApiKey(db: Db, tenantId: string, id: string, at: Date) {
  return db
    .updateTable('api_key')
    .set({ revoked_at: at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .execute()
}

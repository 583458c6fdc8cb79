import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toUuid } from '../../src/domain/id.ts'
import { runJobs } from '../../src/doors/worker/run-jobs.ts'
import { hashSecret } from '../../src/features/tenants/room.ts'
import { withClient } from '../../src/platform/database/client.ts'
import { askOwner } from '../scanned-service.ts'
import { newOrganization } from '../service.ts'
import { startTestService, type TestService } from '../test-service.ts'
import { loosen } from './loosen.ts'

/** What is kept of files that were looked into: there must be rows of both organizations to tell apart. */
const OF_INSPECTION = [
  ...['step', 'version_facts', 'version_text', 'version_sheet', 'version_rows', 'version_finding', 'variant'],
  ...['quarantine_entry', 'false_positive'],
]

interface Organization {
  tenantId: string
  secret: string
}

let service: TestService
let organizations: Organization[]
/** All that belong to an organization. */
let tables: string[]

beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
  organizations = [await settle(), await settle()]
  await runJobs(service.app.worker)
  const found = await askOwner<{ name: string }>(
    service,
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'stowage'::regnamespace and c.relkind = 'r' and a.attname = 'tenant_id'
        and has_table_privilege('stowage_app', c.oid, 'select') order by 1`,
  )
  tables = found.map(({ name }) => name)
})
afterAll(() => service?.stop())

/** An organization with files that say something, something attached, and something that was found. */
async function settle(): Promise<Organization> {
  const { id, slug: organization } = await newOrganization(service.call)
  const body = { name: 'A key', role: 'owner' }
  const { secret } = (await service.call('/v1/api-keys', { body, organization })).json
  const send = async (name: string, text: string, mediaType: string) => {
    const ask = { body: Buffer.from(text), headers: { 'content-type': mediaType }, organization }
    return (await service.call(`/v1/assets?name=${name}&assetType=export_file`, ask)).json.id
  }
  const note = await send('note.txt', `write to ${organization}@example.org\n`, 'text/plain')
  await send('table.csv', `name,of\nrow,${organization}\n`, 'text/csv')
  const headers = { 'content-type': 'text/plain' }
  const attached = { method: 'PUT', body: Buffer.from(`attached in ${organization}`), headers, organization }
  await service.call(`/v1/assets/${note}/variants/sidecar`, attached)
  const tenantId = toUuid(id)
  const found = [tenantId, randomBytes(32)]
  await askOwner(
    service,
    `insert into stowage.quarantine_entry (tenant_id, id, sha256, finding, signatures, size_bytes, name, asset_id)
      values ($1, gen_random_uuid(), $2, 'Found', 'ClamAV 1', 1, 'harmful', gen_random_uuid())`,
    found,
  )
  await askOwner(
    service,
    `insert into stowage.false_positive (tenant_id, sha256, finding, reason) values ($1, $2, 'Found', 'harmless')`,
    found,
  )
  return { tenantId, secret }
}

/** The tables in which somebody sees rows of others, who reads them whole and with no condition at all. */
async function strayIn({ tenantId, secret }: Organization): Promise<string[]> {
  return withClient(service.database.app, async (client) => {
    await client.query('begin read only')
    await client.query('select api.enter($1, null, null)', [hashSecret(secret)])
    const stray: string[] = []
    for (const table of tables) {
      const { rowCount } = await client.query(`select from stowage.${table} where tenant_id <> $1 limit 1`, [tenantId])
      if (rowCount !== 0) stray.push(table)
    }
    await client.query('rollback')
    return stray
  })
}

describe('a table', () => {
  test.each(OF_INSPECTION)('of what was found in files holds rows of both organizations: %s', async (table) => {
    expect(tables).toContain(table)
    for (const { tenantId } of organizations) {
      const rows = await askOwner(service, `select from stowage.${table} where tenant_id = $1 limit 1`, [tenantId])
      expect(rows).toHaveLength(1)
    }
  })

  test('shows no organization a row of another', async () => {
    for (const organization of organizations) expect(await strayIn(organization)).toEqual([])
  })

  test.each(OF_INSPECTION)('shows them when its policy says nothing of organizations: %s', async (table) => {
    const [policy] = await askOwner<{ name: string }>(
      service,
      `select polname as name from pg_policy
        where polrelid = ('stowage.' || $1)::regclass and polcmd in ('r', '*')
          and polroles @> array['stowage_app'::regrole::oid] order by polcmd desc limit 1`,
      [table],
    )
    const tighten = await loosen(service, `${policy?.name} on stowage.${table} using (true)`)
    const stray = await strayIn(organizations[0] as Organization).finally(tighten)
    expect(stray).toEqual([table])
  })
})

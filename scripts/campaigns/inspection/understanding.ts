import type pg from 'pg'

/** What the pipeline has recorded of the files of one organization, to be held against another's. */

/** What differs from one run to the next, though the file is the same. */
const OWN = ['tenant_id', 'asset_id', 'id', 'created_at', 'updated_at', 'due_at', 'attempts', 'failures', 'duration_ms']

/** By table and file: a digest of all rows, and how many there are. */
export type Recorded = ReadonlyMap<string, string>

/** Reads every table that holds something of a version, whatever steps there are. */
export async function recordedOf(client: pg.Client, tenantId: string): Promise<Recorded> {
  const tables = await client.query<{ table_name: string }>(
    `select table_name from information_schema.columns
      where table_schema = 'stowage' and (table_name like 'version\\_%' or table_name in ('step', 'variant')) and column_name = 'n'
      order by 1`,
  )
  const found = new Map<string, string>()
  for (const { table_name: table } of tables.rows) {
    const { rows } = await client.query<{ name: string; count: string; digest: string }>(
      `select v.name, count(*), md5(string_agg((to_jsonb(t) - $2::text[])::text, chr(10) order by (to_jsonb(t) - $2::text[])::text)) as digest
        from stowage.version v join stowage.${client.escapeIdentifier(table)} t using (tenant_id, asset_id, n)
        where v.tenant_id = $1 group by v.name`,
      [tenantId, OWN],
    )
    for (const { name, count, digest } of rows) found.set(`${table} of ${name}`, `${count} rows, ${digest}`)
  }
  return found
}

/** Where the two are not the same, in words. */
export function differences(calm: Recorded, disturbed: Recorded): string[] {
  const keys = new Set([...calm.keys(), ...disturbed.keys()])
  return [...keys].flatMap((key) => {
    const [wanted, found] = [calm.get(key) ?? 'none', disturbed.get(key) ?? 'none']
    return wanted === found ? [] : [`${key}: ${found} instead of ${wanted}`]
  })
}

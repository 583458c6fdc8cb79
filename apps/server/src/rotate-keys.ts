import type { Foundation } from './foundation.ts'
import { withClient } from './platform/database/client.ts'
import { createPool } from './platform/database/connect.ts'
import { rewrapScopeKeys } from './platform/scope-keys.ts'
import { openSecretKeys, rewrapSecrets } from './platform/secrets.ts'

/** Wraps every scope key and every key of the service with the current master key; no byte of content is rewritten. */
export async function rotateKeys(foundation: Foundation): Promise<number> {
  const { masterKeys } = foundation
  const pool = createPool(foundation.app, 1, () => {})
  const sweep = createPool(foundation.sweep, 1, () => {})
  try {
    const { rows } = await sweep.query<{ all_tenants: string }>('select * from api.all_tenants()')
    let scopeKeys = 0
    for (const { all_tenants: tenantId } of rows) scopeKeys += await rewrapScopeKeys(pool, masterKeys, tenantId)
    const serviceKeys = await withClient(foundation.owner, async (client) => {
      await openSecretKeys(client, masterKeys, 'urlSigning', true)
      return rewrapSecrets(client, masterKeys)
    })
    process.stdout.write(
      `${JSON.stringify({ masterKey: masterKeys.currentId, scopeKeys, serviceKeys, newSigningKey: true })}\n`,
    )
    return 0
  } finally {
    await pool.end()
    await sweep.end()
  }
}

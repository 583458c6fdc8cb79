import { inEveryTenant } from './every-tenant.ts'
import type { Foundation } from './foundation.ts'
import { withClient } from './platform/database/client.ts'
import { rewrapScopeKeys } from './platform/scope-keys.ts'
import { openSecretKeys, rewrapSecrets } from './platform/secrets.ts'

/** Wraps every scope key and every key of the service with the current master key; no byte of content is rewritten. */
export async function rotateKeys(foundation: Foundation): Promise<number> {
  const { masterKeys } = foundation
  const wrapped = await inEveryTenant(foundation, {}, (db, tenantId) => rewrapScopeKeys(db, masterKeys, tenantId))
  const scopeKeys = wrapped.reduce((sum, { result }) => sum + result, 0)
  const serviceKeys = await withClient(foundation.owner, async (client) => {
    await openSecretKeys(client, masterKeys, 'urlSigning', true)
    return rewrapSecrets(client, masterKeys)
  })
  process.stdout.write(
    `${JSON.stringify({ masterKey: masterKeys.currentId, scopeKeys, serviceKeys, newSigningKey: true })}\n`,
  )
  return 0
}

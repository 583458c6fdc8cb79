import { createHmac, randomBytes } from 'node:crypto'
import { access, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { newUuid } from './domain/id.ts'
import { hashSecret } from './features/tenants/room.ts'
import { withClient } from './platform/database/client.ts'
import type { Connection } from './platform/database/connect.ts'
import { startEmbedded } from './platform/database/embedded.ts'
import { migrate } from './platform/database/migrate.ts'
import { APP_ROLE, ensureRoles, SWEEP_ROLE } from './platform/database/roles.ts'
import { openSecretKeys, type SecretKeys } from './platform/secrets.ts'
import { masterKeysFromValue, openKeyFile } from './providers/keys/local-keys.ts'
import type { MasterKeys } from './providers/keys/port.ts'

const MIGRATIONS = join(import.meta.dirname, '../migrations')
const NIL = '00000000-0000-0000-0000-000000000000'

/** The database and the keys that the service works with, ready for use. */
export interface Foundation {
  owner: Connection
  app: Connection
  sweep: Connection
  masterKeys: MasterKeys
  urlSigning: SecretKeys
  auditSigning: SecretKeys
  stop(): Promise<void>
}

/** Starts or reaches the database, brings it up to date, and reads the keys. Can be repeated at any time. */
export async function layFoundation(
  config: Config,
  log: Logger,
  onDatabaseExit: (reason: string) => void,
): Promise<Foundation> {
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const keys = await openKeys(config)
  const { owner, stop } = await openDatabase(config, log, onDatabaseExit)
  try {
    await ensureRoles(owner, keys.passwords)
    await migrate(owner, { directory: MIGRATIONS, log })
    const adminKey = config.adminKey ?? (await keptAdminKey(join(config.data, 'admin-key')))
    await withClient(owner, (client) => makeDefaults(client, adminKey))
    return { ...(await withKeys(owner, keys)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Stands on a foundation that was laid, and that somebody else stops. */
export async function standOn(config: Config, owner: Connection): Promise<Foundation> {
  return { ...(await withKeys(owner, await openKeys(config))), stop: async () => {} }
}

type Keys = Awaited<ReturnType<typeof openKeys>>

/** The master keys, made where there are none, and the roles' passwords, which follow from them. */
async function openKeys(config: Config) {
  const path = join(config.data, 'master-keys')
  const masterKeys = config.masterKey ? masterKeysFromValue(config.masterKey) : await openKeyFile(path)
  // Nodes that share a master key share the roles' passwords; with a key file, the file is what they share.
  const secret = config.masterKey ?? (await readFile(path, 'utf8'))
  return { masterKeys, passwords: { app: rolePassword(secret, APP_ROLE), sweep: rolePassword(secret, SWEEP_ROLE) } }
}

function withKeys(owner: Connection, { masterKeys, passwords }: Keys): Promise<Omit<Foundation, 'stop'>> {
  return withClient(owner, async (client) => ({
    owner,
    app: { ...owner, user: APP_ROLE, password: passwords.app },
    sweep: { ...owner, user: SWEEP_ROLE, password: passwords.sweep },
    masterKeys,
    urlSigning: await openSecretKeys(client, masterKeys, 'urlSigning'),
    auditSigning: await openSecretKeys(client, masterKeys, 'auditSigning'),
  }))
}

async function openDatabase(config: Config, log: Logger, onExit: (reason: string) => void) {
  if (config.databaseUrl) return { owner: connectionOf(config.databaseUrl), stop: async () => {} }
  const server = await startEmbedded({
    directory: join(config.data, 'database'),
    log,
    onExit: () => onExit('the embedded database has ended'),
  })
  return { owner: server.connection, stop: server.stop }
}

function connectionOf(text: string): Connection {
  const url = new URL(text)
  const wantsTls = ['require', 'verify-ca', 'verify-full'].includes(url.searchParams.get('sslmode') ?? '')
  return {
    host: url.searchParams.get('host') ?? decodeURIComponent(url.hostname),
    port: Number(url.port || url.searchParams.get('port') || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ...(wantsTls && { ssl: { rejectUnauthorized: url.searchParams.get('sslmode') !== 'require' } }),
  }
}

/** The platform key, made once and kept readable by its owner alone. */
async function keptAdminKey(path: string): Promise<string> {
  const there = await access(path).then(
    () => true,
    () => false,
  )
  if (there) return (await readFile(path, 'utf8')).trim()
  const key = `stw_${randomBytes(32).toString('base64url')}`
  const file = await open(`${path}.new`, 'w', 0o600)
  await file.writeFile(`${key}\n`)
  await file.sync()
  await file.close()
  await rename(`${path}.new`, path)
  return key
}

/** The organization `default` and the platform key. Another key than last time replaces it. */
export async function makeDefaults(
  client: { query(text: string, values?: unknown[]): Promise<unknown> },
  adminKey: string,
): Promise<void> {
  const statements: [string, unknown[]][] = [
    [
      `insert into stowage.organization (tenant_id, slug, name) values ($1, 'default', 'Default') on conflict (slug) do nothing`,
      [newUuid()],
    ],
    [
      `insert into stowage.guard (tenant_id, name) select tenant_id, g from stowage.organization, unnest('{hold,quota}'::text[]) g on conflict do nothing`,
      [],
    ],
    [
      `insert into stowage.api_key (tenant_id, id, name, role, prefix) select $1, $2, 'platform', 'platform', $3
        where not exists (select from stowage.api_key where tenant_id = $1 and role = 'platform')`,
      [NIL, newUuid(), adminKey.slice(0, 8)],
    ],
    [`delete from stowage.credential where tenant_id = $1 and hash <> $2`, [NIL, hashSecret(adminKey)]],
    [
      `insert into stowage.credential (hash, tenant_id, key_id) select $2, tenant_id, id from stowage.api_key
        where tenant_id = $1 and role = 'platform' on conflict do nothing`,
      [NIL, hashSecret(adminKey)],
    ],
  ]
  await client.query('begin')
  await client.query('lock table stowage.api_key in share row exclusive mode')
  for (const [text, values] of statements) await client.query(text, values)
  await client.query('commit')
}

/** A database role's password: the same on every node that has the same master key or data folder. */
function rolePassword(secret: string, role: string): string {
  return createHmac('sha256', secret).update(`database role ${role}`).digest('base64url')
}

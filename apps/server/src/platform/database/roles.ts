import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import { withClient } from './client.ts'
import type { Connection } from './connect.ts'

/** The role that requests run as, and the role of the sweeper, which only finds. Neither can bypass a policy. */
export const APP_ROLE = 'stowage_app'
export const SWEEP_ROLE = 'stowage_sweep'

/** Any number of its own, like that of the migrations. */
const LOCK = '8317449020184472'

const INVALID_PASSWORD = '28P01'
const INSUFFICIENT_PRIVILEGE = '42501'
const CREATED_MEANWHILE = ['42710', '23505']

/** Attributes that a role of the service must not have, by their column in pg_roles. */
const FORBIDDEN = {
  rolsuper: 'NOSUPERUSER',
  rolinherit: 'NOINHERIT',
  rolcreaterole: 'NOCREATEROLE',
  rolcreatedb: 'NOCREATEDB',
  rolreplication: 'NOREPLICATION',
  rolbypassrls: 'NOBYPASSRLS',
} as const

type RoleRow = { rolcanlogin: boolean; groups: string[] } & Record<keyof typeof FORBIDDEN, boolean>

/**
 * Makes sure that the service's two roles can log in with the given passwords, have no attribute that lifts a policy
 * and are members of nothing. What is right already is left alone, so an owner without the right to create roles
 * is enough once an administrator has made them.
 *
 * @param owner connection of the role that owns the database; needs CREATEROLE only when there is something to do
 * @throws Error with the exact statements for an administrator when the owner may not run them; they hold SCRAM
 * verifiers, never a password
 */
export async function ensureRoles(owner: Connection, passwords: { app: string; sweep: string }): Promise<void> {
  const wanted = [
    { role: APP_ROLE, password: passwords.app },
    { role: SWEEP_ROLE, password: passwords.sweep },
  ]
  await withClient(owner, async (client) => {
    await inTransaction(client, async () => {
      const statements: string[] = []
      for (const { role, password } of wanted) statements.push(...(await missing(client, role, password)))
      await runAll(client, statements)
    })
    const refused: typeof wanted = []
    for (const login of wanted) if (!(await canLogIn(owner, login.role, login.password))) refused.push(login)
    await inTransaction(client, () =>
      runAll(
        client,
        refused.map(({ role, password }) => `ALTER ROLE ${role} PASSWORD '${scramVerifier(password)}'`),
      ),
    )
    for (const { role, password } of refused)
      if (!(await canLogIn(owner, role, password)))
        throw new Error(`PostgreSQL does not let ${role} log in with the password it was just given.`)
  })
}

async function missing(client: pg.Client, role: string, password: string): Promise<string[]> {
  const { rows } = await client.query<RoleRow>(
    `SELECT r.*, ARRAY(
       SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1
     ) AS groups
     FROM pg_roles r WHERE rolname = $1`,
    [role],
  )
  const found = rows[0]
  if (found === undefined)
    return [
      `CREATE ROLE ${role} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD '${scramVerifier(password)}'`,
    ]
  const attributes: string[] = found.rolcanlogin ? [] : ['LOGIN']
  for (const [column, attribute] of Object.entries(FORBIDDEN))
    if (found[column as keyof typeof FORBIDDEN]) attributes.push(attribute)
  const alter = attributes.length === 0 ? [] : [`ALTER ROLE ${role} ${attributes.join(' ')}`]
  return [...alter, ...found.groups.map((group) => `REVOKE ${pg.escapeIdentifier(group)} FROM ${role}`)]
}

async function runAll(client: pg.Client, statements: string[]): Promise<void> {
  for (const statement of statements) {
    try {
      await client.query(statement)
    } catch (cause) {
      if (!(cause instanceof pg.DatabaseError) || cause.code !== INSUFFICIENT_PRIVILEGE) throw cause
      const text = statements.map((each) => `  ${each};`).join('\n')
      throw new Error(
        `The owner of the database may not prepare Stowage's roles (${cause.message}). An administrator must run:\n${text}`,
        { cause },
      )
    }
  }
}

/** Two nodes of one database queue at the lock; nodes of two databases in one server may still meet in CREATE ROLE. */
async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await client.query('BEGIN')
    try {
      await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
      await work()
      await client.query('COMMIT')
      return
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      const again = error instanceof pg.DatabaseError && CREATED_MEANWHILE.includes(error.code ?? '')
      if (!again || attempt === 3) throw error
    }
  }
}

async function canLogIn(owner: Connection, role: string, password: string): Promise<boolean> {
  try {
    await withClient({ ...owner, user: role, password }, async () => {})
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === INVALID_PASSWORD) return false
    throw new Error(`${role} cannot log in: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * What PostgreSQL stores for a password (RFC 5803), made here so that no password is sent in a statement, where a
 * server's log would keep it. For ASCII passwords, which SASLprep leaves as they are.
 */
function scramVerifier(password: string): string {
  const iterations = 4096
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const storedKey = createHash('sha256').update(clientKey).digest('base64')
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`
}

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { MasterKeys } from '../providers/keys/port.ts'

/** The service's own keys of one kind: one in use, older ones still known until they are removed. */
export interface SecretKeys {
  current: { id: string; secret: Buffer }
  find(id: string): Buffer | undefined
  /** The public halves, for kinds that have one. */
  publicKeys: ReadonlyMap<string, Buffer>
}

export type SecretKind = 'urlSigning' | 'auditSigning'

interface SecretRow {
  id: string
  wrapped: Buffer
  master_id: string
  public_part: Buffer | null
}

const makers: Record<SecretKind, () => { secret: Buffer; publicPart: Buffer | null }> = {
  urlSigning: () => ({ secret: randomBytes(32), publicPart: null }),
  auditSigning: () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    return {
      secret: privateKey.export({ format: 'der', type: 'pkcs8' }),
      publicPart: publicKey.export({ format: 'der', type: 'spki' }),
    }
  },
}

/**
 * Reads the keys of one kind, making the first. They lie in the database wrapped by the master key, so that every node
 * has them and the database alone cannot use them.
 *
 * @param rotate makes a new key and uses it from now on
 */
export async function openSecretKeys(
  owner: pg.ClientBase,
  masterKeys: MasterKeys,
  kind: SecretKind,
  rotate = false,
): Promise<SecretKeys> {
  if (rotate || (await readRows(owner, kind)).length === 0) await insertSecret(owner, masterKeys, kind, rotate)
  const found = await readRows(owner, kind)
  const secrets = new Map<string, Buffer>()
  for (const row of found)
    secrets.set(row.id, await masterKeys.unwrap(row.master_id, row.wrapped, contextOf(kind, row.id)))
  const id = found[0]?.id as string
  return {
    current: { id, secret: secrets.get(id) as Buffer },
    find: (wanted) => secrets.get(wanted),
    publicKeys: new Map(found.flatMap((row) => (row.public_part ? [[row.id, row.public_part] as const] : []))),
  }
}

function contextOf(kind: SecretKind, id: string): string {
  return `platform secret ${kind} ${id}`
}

async function readRows(owner: pg.ClientBase, kind: SecretKind): Promise<SecretRow[]> {
  const { rows } = await owner.query<SecretRow>(
    'select id, wrapped, master_id, public_part from stowage.platform_secret where kind = $1 order by created_at desc, id desc',
    [kind],
  )
  return rows
}

/** Two nodes that start at once make one key: the second finds the first one's row under the lock. */
async function insertSecret(
  owner: pg.ClientBase,
  masterKeys: MasterKeys,
  kind: SecretKind,
  rotate: boolean,
): Promise<void> {
  await owner.query('begin')
  try {
    await owner.query('lock table stowage.platform_secret in share row exclusive mode')
    if (rotate || (await readRows(owner, kind)).length === 0) {
      const id = randomBytes(6).toString('hex')
      const { secret, publicPart } = makers[kind]()
      const { masterId, wrapped } = await masterKeys.wrap(secret, contextOf(kind, id))
      await owner.query(
        'insert into stowage.platform_secret (kind, id, wrapped, master_id, public_part, created_at) values ($1, $2, $3, $4, $5, clock_timestamp())',
        [kind, id, wrapped, masterId, publicPart],
      )
    }
    await owner.query('commit')
  } catch (error) {
    await owner.query('rollback')
    throw error
  }
}

/** Wraps every key of the service with the current master key. Answers how many were wrapped again. */
export async function rewrapSecrets(owner: pg.ClientBase, masterKeys: MasterKeys): Promise<number> {
  const { rows } = await owner.query<SecretRow & { kind: SecretKind }>(
    'select kind, id, wrapped, master_id from stowage.platform_secret where master_id <> $1',
    [masterKeys.currentId],
  )
  for (const row of rows) {
    const context = contextOf(row.kind, row.id)
    const { masterId, wrapped } = await masterKeys.wrap(
      await masterKeys.unwrap(row.master_id, row.wrapped, context),
      context,
    )
    await owner.query('update stowage.platform_secret set wrapped = $3, master_id = $4 where kind = $1 and id = $2', [
      row.kind,
      row.id,
      wrapped,
      masterId,
    ])
  }
  return rows.length
}

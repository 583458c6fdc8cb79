import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Client, createClient } from '@stowage/client'
import { LocalError, UsageError } from './failure.ts'
import { remark, type Terminal } from './terminal.ts'
import { uploadNotes } from './upload-notes.ts'

export interface Login {
  url: string
  key: string
  organization?: string
}

/**
 * Who speaks to which server: the environment, else what `login` kept, else the key of a server that runs from here.
 *
 * @throws UsageError when there is none
 */
export async function findLogin(terminal: Terminal): Promise<Login> {
  const [url, key, organization] = ['STOWAGE_URL', 'STOWAGE_KEY', 'STOWAGE_ORGANIZATION'].map(
    (name) => terminal.env[name] || undefined,
  )
  const login = await findKey(terminal, url, key)
  return organization === undefined ? login : { ...login, organization }
}

async function findKey(terminal: Terminal, url: string | undefined, key: string | undefined): Promise<Login> {
  const kept = await readLogin(terminal)
  // A kept key goes to the server it was kept for and to no other.
  const usable = kept && (url === undefined || sameServer(url, kept.url)) ? kept : undefined
  if (key !== undefined) return { url: url ?? kept?.url ?? localUrl(terminal), key }
  if (usable) return usable
  const local = url === undefined || sameServer(url, localUrl(terminal)) ? await localKey(terminal) : undefined
  if (local !== undefined) return { url: localUrl(terminal), key: local }
  throw new UsageError('There is no key: run `stowage login`, or set STOWAGE_URL and STOWAGE_KEY.')
}

function sameServer(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href
}

export function localUrl(terminal: Terminal): string {
  return `http://localhost:${terminal.env['STOWAGE_PORT'] ?? 4700}`
}

async function localKey(terminal: Terminal): Promise<string | undefined> {
  const path = join(resolve(terminal.folder, terminal.env['STOWAGE_DATA'] ?? 'data'), 'admin-key')
  const key = await readFile(path, 'utf8').catch(() => undefined)
  if (key === undefined) return undefined
  remark(terminal, `Not logged in: using the platform key in ${path}`)
  return key.trim()
}

/** @throws UsageError for an address that is none */
export function connect(login: Login, terminal: Terminal): Client {
  try {
    const memory = uploadNotes(join(stateFolder(terminal), 'uploads'))
    return createClient({ ...login, memory, createHash: () => createHash('sha256') })
  } catch {
    throw new UsageError(`${login.url} is not the address of a server: it begins with http:// or https://`)
  }
}

/** @throws LocalError when the file is there but is not what `login` wrote */
async function readLogin(terminal: Terminal): Promise<Login | undefined> {
  const path = loginPath(terminal)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Login
  } catch {
    throw new LocalError(`${path} cannot be read: run \`stowage login\` again.`)
  }
}

/** @returns where it was kept */
export async function keepLogin(terminal: Terminal, login: Login): Promise<string> {
  const path = loginPath(terminal)
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const fresh = `${path}.new`
  await writeFile(fresh, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600 })
  await chmod(fresh, 0o600)
  await rename(fresh, path)
  return path
}

/** What the program keeps for its next run (XDG Base Directory Specification). */
function stateFolder(terminal: Terminal): string {
  const home = terminal.env['HOME'] ?? homedir()
  return join(terminal.env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'stowage')
}

function loginPath(terminal: Terminal): string {
  const home = terminal.env['HOME'] ?? homedir()
  return join(terminal.env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'stowage', 'config.json')
}

/**
 * The id of the organization to work in: the one that was named by id or slug, the caller's own, or `default`.
 *
 * @throws LocalError when there is none of that name
 */
export async function organizationId(client: Client, wanted: string | undefined): Promise<string> {
  if (wanted?.startsWith('org_')) return wanted
  const slug = wanted ?? 'default'
  const seen: string[] = []
  for await (const organization of client.pages('organizations.list')) {
    if (organization.slug === slug) return organization.id
    seen.push(organization.id)
  }
  if (wanted === undefined && seen.length === 1) return seen[0]!
  throw new LocalError(`There is no organization ${slug}: \`stowage orgs ls\` names those there are.`)
}

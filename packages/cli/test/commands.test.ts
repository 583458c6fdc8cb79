import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../src/program.ts'
import { cuttingProxy } from './proxy.ts'
import { type RunningServer, startServer } from './server.ts'

const bin = fileURLToPath(new URL('../bin/stowage.js', import.meta.url))
const big = randomBytes(3_000_000)

let server: RunningServer
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-cli-'))
  server = await startServer()
  await writeFile(join(folder, 'notes.txt'), 'First notes.\n')
  await writeFile(join(folder, 'big.bin'), big)
})
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true })
})

interface Ended {
  exitCode: number
  out: string
  bytes: Buffer
  err: string
}

async function stowage(args: string[], { url = server.url, env = {}, input = '' } = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const [out, err] = [buffer(stdout), buffer(stderr)]
  const all: Record<string, string> = { HOME: folder, STOWAGE_URL: url, STOWAGE_KEY: server.key, ...env }
  const exitCode = await run(args, { stdin: Readable.from([Buffer.from(input)]), stdout, stderr, env: all, folder })
  stdout.end()
  stderr.end()
  const bytes = await out
  return { exitCode, bytes, out: bytes.toString(), err: String(await err) }
}

/** Runs a command that must succeed. */
async function done(args: string[], options?: Parameters<typeof stowage>[1]): Promise<Ended> {
  const ended = await stowage(args, options)
  expect(ended.err + ended.out, args.join(' ')).toSatisfy(() => ended.exitCode === 0)
  return ended
}

async function json<T = Record<string, unknown>>(args: string[], options?: Parameters<typeof stowage>[1]): Promise<T> {
  return JSON.parse((await done([...args, '--json'], options)).out) as T
}

async function put(...args: string[]): Promise<string> {
  return (await json<{ id: string }>(['put', ...args])).id
}

describe('put', () => {
  test('uploads a file with what is said of it', async () => {
    const options = ['--tag', 'a', '--tag', 'b', '--folder', 'x/y', '--project', 'p1', '--meta', 'pages=3']
    const asset = await json(['put', 'notes.txt', '--name', 'named.txt', '--visibility', 'private', ...options])
    expect(asset).toMatchObject({
      name: 'named.txt',
      mediaType: 'text/plain',
      visibility: 'private',
      folder: 'x/y',
      projectId: 'p1',
      metadata: { pages: 3 },
      sizeBytes: 13,
    })
    expect([...(asset['tags'] as string[])].sort()).toEqual(['a', 'b'])
  })

  test('reads standard input', async () => {
    const asset = await json(['put', '-', '--name', 'piped.txt'], { input: 'from a pipe' })
    expect(asset).toMatchObject({ name: 'piped.txt', sizeBytes: 11 })
  })

  test('sends the other files when one cannot be read', async () => {
    const ended = await stowage(['put', 'absent.txt', 'notes.txt'])
    expect(ended).toMatchObject({ exitCode: 1, err: expect.stringContaining('absent.txt') })
    expect(ended.out).toContain('notes.txt')
  })
})

describe('get', () => {
  test('writes the content under the name of the asset', async () => {
    const id = await put('notes.txt', '--name', 'fetched.txt')
    await done(['get', id])
    expect(await readFile(join(folder, 'fetched.txt'), 'utf8')).toBe('First notes.\n')
  })

  test('replaces a file only when forced', async () => {
    const id = await put('notes.txt')
    expect(await stowage(['get', id, 'big.bin'])).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('--force'),
    })
    expect((await stat(join(folder, 'big.bin'))).size).toBe(big.length)
    await writeFile(join(folder, 'old.txt'), 'old')
    await done(['get', id, 'old.txt', '--force'])
    expect(await readFile(join(folder, 'old.txt'), 'utf8')).toBe('First notes.\n')
  })

  test('writes to standard output', async () => {
    const id = await put('big.bin', '--type', 'backup_file')
    expect((await done(['get', id, '-'])).bytes.equals(big)).toBe(true)
  })

  test('writes a variant under a name that says which it is', async () => {
    const id = await put('notes.txt')
    const attached = await fetch(`${server.url}/v1/assets/${id}/variants/clip?suffix=a`, {
      method: 'PUT',
      body: 'A clip.\n',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': 'text/plain' },
    })
    expect(attached.status).toBe(200)
    expect((await done(['variants', id])).out).toMatch(/clip +a +made +text\/plain/)
    await done(['get', id, '--variant', 'clip:a'])
    expect(await readFile(join(folder, 'notes-clip-a.txt'), 'utf8')).toBe('A clip.\n')
    expect(await stowage(['get', id, '--variant', 'clip:b'])).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('no such variant'),
    })
  })

  test('goes on where the connection was cut, in another run', async () => {
    const id = await put('big.bin', '--type', 'backup_file')
    {
      await using proxy = await cuttingProxy(server.url, 1_000_000)
      expect(await stowage(['get', id, 'cut.bin'], { url: proxy.url })).toMatchObject({ exitCode: 3 })
    }
    const files = await readdir(folder)
    expect(files).toEqual(expect.arrayContaining(['cut.bin.part', 'cut.bin.part.json']))
    expect((await stat(join(folder, 'cut.bin.part'))).size).toBeGreaterThan(0)
    await using proxy = await cuttingProxy(server.url, Number.POSITIVE_INFINITY)
    await done(['get', id, 'cut.bin'], { url: proxy.url })
    expect(proxy.ranges).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)])
    expect((await readFile(join(folder, 'cut.bin'))).equals(big)).toBe(true)
    expect((await readdir(folder)).filter((name) => name.startsWith('cut.bin'))).toEqual(['cut.bin'])
  })
})

describe('ls', () => {
  test('lists what the filters name, in columns or as JSON, page by page or all', async () => {
    const ids = [await put('notes.txt', '--project', 'ls'), await put('notes.txt', '--project', 'ls')]
    const shown = (await done(['ls', '--project', 'ls', '--limit', '1'])).out.trim().split('\n')
    expect(shown).toHaveLength(2)
    expect(shown[0]).toMatch(/^ID +NAME +SIZE/)
    const all = await json<{ items: { id: string }[] }>(['ls', '--project', 'ls', '--limit', '1', '--all'])
    expect(all.items.map((item) => item.id).sort()).toEqual(ids.sort())
  })
})

describe('versions', () => {
  test('are added, listed, compared, made current and pruned', async () => {
    const id = await put('notes.txt', '--name', 'v.txt')
    await writeFile(join(folder, 'second.txt'), 'Second notes.\n')
    expect(await json(['put', 'second.txt', '--as-version-of', id])).toMatchObject({ id, version: 2, name: 'v.txt' })
    expect((await done(['get', id, '-', '--version', '1'])).out).toBe('First notes.\n')
    const listed = await json<{ items: { version: number }[] }>(['versions', id])
    expect(listed.items.map((item) => item.version)).toEqual([2, 1])
    expect((await done(['versions', id, '--compare', '1', '2'])).out).toContain('The bytes differ.')
    expect(await json(['versions', id, '--make-current', '1'])).toMatchObject({ version: 3 })
    expect((await done(['get', id, '-'])).out).toBe('First notes.\n')
    expect(await json(['versions', id, '--prune', '--keep-last', '1'])).toMatchObject({ removed: [1, 2] })
  })
})

describe('sign', () => {
  test('gives a URL that reads the bytes without a login', async () => {
    const id = await put('notes.txt')
    const url = (await done(['sign', id, '--expires', '1h'])).out.trim()
    expect(await (await fetch(url)).text()).toBe('First notes.\n')
  })
})

describe('rm', () => {
  test('moves to the trash, from where restore brings it back', async () => {
    const id = await put('notes.txt')
    await done(['rm', id])
    expect(await json(['info', id])).toMatchObject({ state: 'trashed' })
    expect(await json(['restore', id])).toMatchObject({ id, state: 'active' })
  })

  test('purges only when told so twice', async () => {
    const id = await put('notes.txt')
    expect(await stowage(['rm', id, '--purge'])).toMatchObject({ exitCode: 2, err: expect.stringContaining('--yes') })
    await done(['rm', id, '--purge', '--yes'])
    expect(await stowage(['info', id])).toMatchObject({ exitCode: 1, err: expect.stringContaining('asset.notFound') })
  })
})

describe('the organization', () => {
  test('has members, keys and usage', async () => {
    const { id: org } = await json<{ id: string }>(['orgs', 'create', '--name', 'Acme', '--slug', 'acme'])
    expect((await json(['orgs', 'show', org]))['slug']).toBe('acme')
    expect((await done(['orgs', 'ls'])).out).toContain('acme')
    const member = ['members', 'add', '--email', 'a@acme.example', '--role', 'editor', '--organization', 'acme']
    const { id: user } = await json<{ id: string }>(member)
    expect((await done(['members', 'ls', '--organization', 'acme'])).out).toContain(user)
    const made = ['keys', 'create', '--name', 'ci', '--role', 'viewer', '--expires', '1d', '--organization', 'acme']
    const key = await json<{ id: string; secret: string }>(made)
    expect(await stowage(['put', 'notes.txt'], { env: { STOWAGE_KEY: key.secret } })).toMatchObject({ exitCode: 1 })
    await done(['keys', 'revoke', key.id, '--organization', 'acme'])
    expect((await done(['keys', 'ls', '--organization', 'acme'])).out).not.toContain(key.id)
    expect(await stowage(['ls'], { env: { STOWAGE_KEY: key.secret } })).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('credential.invalid'),
    })
    await done(['members', 'remove', user, '--organization', 'acme'])
    expect(await json(['usage', '--organization', 'acme'])).toMatchObject({ files: 0 })
  })
})

describe('audit', () => {
  test('finds, exports and verifies', async () => {
    const id = await put('notes.txt')
    const found = await json<{ items: { action: string }[] }>(['audit', '--subject', id])
    expect(found.items.map((event) => event.action)).toContain('assets.create')
    await done(['audit', '--subject', id, '--export', 'events.jsonl'])
    const lines = (await readFile(join(folder, 'events.jsonl'), 'utf8')).trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).action)).toContain('assets.create')
    expect((await stat(join(folder, 'events.jsonl'))).mode & 0o077).toBe(0)
    expect(await json(['audit', '--verify'])).toMatchObject({ intact: true })
  })
})

describe('login', () => {
  test('keeps a key that the server takes, and no other', async () => {
    const env = { HOME: join(folder, 'home'), STOWAGE_URL: '', STOWAGE_KEY: '' }
    const at = ['--url', server.url]
    expect(await stowage(['login', ...at, '--key', 'wrong'], { env })).toMatchObject({ exitCode: 1 })
    expect(await stowage(['ls'], { env })).toMatchObject({ exitCode: 2 })
    await done(['login', ...at, '--key', server.key], { env })
    await done(['ls'], { env })
  })
})

describe('the program', () => {
  test('ends with 2 when it is used wrongly and with 3 when the server is away', async () => {
    expect(await stowage(['ls', '--colour'])).toMatchObject({ exitCode: 2, err: expect.stringContaining('--colour') })
    const ended = await stowage(['put', 'notes.txt'], { url: 'http://127.0.0.1:1' })
    expect(ended).toMatchObject({ exitCode: 3, err: expect.stringContaining('cannot be reached') })
  })

  test('runs from its own file', async () => {
    const env = { PATH: process.env['PATH'], STOWAGE_URL: server.url, STOWAGE_KEY: server.key }
    const { stdout } = await promisify(execFile)(process.execPath, [bin, 'ls', '--json'], { env, cwd: folder })
    expect(JSON.parse(stdout)).toHaveProperty('items')
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostEnvironment } from '../../../apps/server/test/host-environment.ts'
import { openDiskFile } from '../src/disk-file.ts'
import { countingProxy } from './counting-proxy.ts'
import { type RunningServer, startServer } from './server.ts'

const MIB = 1024 * 1024
const bin = fileURLToPath(new URL('../bin/stowage.js', import.meta.url))
const notes = ['.local', 'state', 'stowage', 'uploads']

let server: RunningServer
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-put-'))
  server = await startServer()
})
afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true })
})

function start(url: string, ...args: string[]): ChildProcess {
  const env = { ...hostEnvironment(), HOME: folder, STOWAGE_URL: url, STOWAGE_KEY: server.key }
  return spawn(process.execPath, [bin, 'put', '--type', 'backup_file', '--json', ...args], { env, cwd: folder })
}

async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const [out, err] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  return { code: child.exitCode ?? (await once(child, 'exit'))[0], out, err }
}

async function newFile(name: string, sizeBytes: number): Promise<{ sha256: string; bytes: Buffer }> {
  const bytes = randomBytes(sizeBytes)
  await writeFile(join(folder, name), bytes)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Starts to upload a file and kills the program when it sends the fourth part. */
async function killHalfway(name: string): Promise<void> {
  await using proxy = await countingProxy(server.url)
  const child = start(proxy.url, '--parallel', '1', name)
  const gone = once(child, 'exit')
  await expect.poll(() => proxy.parts, { interval: 5, timeout: 20_000 }).toContain(4)
  child.kill('SIGKILL')
  await gone
}

describe('stowage put', () => {
  test('that was killed goes on where it was when it is run again', async () => {
    const { sha256 } = await newFile('killed.bin', 40 * MIB)
    await using proxy = await countingProxy(server.url)
    // The server is another one by another address: what is kept belongs to this one.
    const child = start(proxy.url, '--parallel', '1', 'killed.bin')
    const gone = once(child, 'exit')
    await expect.poll(() => proxy.parts, { interval: 5, timeout: 20_000 }).toContain(4)
    child.kill('SIGKILL')
    await gone
    const [note] = await readdir(join(folder, ...notes))
    expect((await stat(join(folder, ...notes, note!))).mode & 0o077).toBe(0)
    proxy.reset()
    const { code, out, err } = await ended(start(proxy.url, 'killed.bin'))
    expect(code, err).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ name: 'killed.bin', sha256 })
    expect(err).toContain('killed.bin: resumed, 24.0 MiB of 40.0 MiB had arrived before')
    expect([...proxy.parts].sort()).toEqual([4, 5])
    // What the killed one had under way may still be counted; a part that was sent again would be 8 MiB more.
    expect(proxy.sentBytes()).toBeLessThan(20 * MIB)
    expect(await readdir(join(folder, ...notes))).toEqual([])
  })

  test('begins anew when told so', async () => {
    const { sha256 } = await newFile('anew.bin', 40 * MIB)
    await killHalfway('anew.bin')
    const { code, out, err } = await ended(start(server.url, '--no-resume', 'anew.bin'))
    expect(code, err).toBe(0)
    expect(err).not.toContain('resumed')
    expect(JSON.parse(out)).toMatchObject({ sha256 })
  })

  test('sends a long standard input, and several files', async () => {
    const { bytes, sha256 } = await newFile('long.bin', 20 * MIB)
    const piped = start(server.url, '--name', 'piped.bin', '-')
    piped.stdin!.end(bytes)
    expect(JSON.parse((await ended(piped)).out)).toMatchObject({ name: 'piped.bin', sha256 })
    await newFile('short.bin', 1000)
    const both = JSON.parse((await ended(start(server.url, 'long.bin', 'short.bin'))).out)
    expect(both).toMatchObject([{ name: 'long.bin', sha256 }, { name: 'short.bin' }])
  })
})

describe('a file on disk', () => {
  test('is read where it is asked for, beyond 4 GiB too', async () => {
    const path = join(folder, 'sparse.bin')
    await writeFile(path, '')
    await truncate(path, 5 * 1024 * MIB)
    await appendFile(path, 'the end')
    const file = await openDiskFile(path)
    expect(file).toMatchObject({ name: 'sparse.bin', size: 5 * 1024 * MIB + 7 })
    expect((await buffer(file.slice(file.size - 8, file.size).stream())).toString()).toBe('\0the end')
    await rm(path)
  })

  test('is not read once it has changed', async () => {
    const path = join(folder, 'changing.txt')
    await writeFile(path, 'before')
    const file = await openDiskFile(path)
    await appendFile(path, ' and after')
    await expect(buffer(file.stream())).rejects.toMatchObject({ name: 'NotReadableError' })
  })

  test('is a file', async () => {
    await expect(openDiskFile(folder)).rejects.toThrow('not a file')
  })
})

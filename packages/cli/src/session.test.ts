import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findLogin, keepLogin } from './session.ts'
import type { Terminal } from './terminal.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

function terminal(env: Record<string, string> = {}): Terminal & { stderr: PassThrough } {
  const stderr = new PassThrough()
  return { stdin: new PassThrough(), stdout: new PassThrough(), stderr, env: { HOME: folder, ...env }, folder }
}

const kept = { url: 'https://files.example', key: 'kept' }

describe('the login', () => {
  test('is kept where only its owner reads it', async () => {
    const path = await keepLogin(terminal(), kept)
    expect(path).toBe(join(folder, '.config/stowage/config.json'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await findLogin(terminal())).toEqual(kept)
  })

  test('of the environment wins', async () => {
    await keepLogin(terminal(), kept)
    const env = { STOWAGE_URL: 'https://other.example', STOWAGE_KEY: 'mine', STOWAGE_ORGANIZATION: 'acme' }
    expect(await findLogin(terminal(env))).toEqual({
      url: 'https://other.example',
      key: 'mine',
      organization: 'acme',
    })
  })

  test('sends a kept key to no other server than the one it was kept for', async () => {
    await keepLogin(terminal(), kept)
    await expect(findLogin(terminal({ STOWAGE_URL: 'https://other.example' }))).rejects.toThrow('stowage login')
    expect(await findLogin(terminal({ STOWAGE_URL: 'https://files.example/' }))).toEqual(kept)
  })

  test('is that of a server that runs from this folder, and says so, when there is no other', async () => {
    await mkdir(join(folder, 'data'))
    await writeFile(join(folder, 'data/admin-key'), 'local\n')
    const here = terminal({ STOWAGE_PORT: '5000' })
    expect(await findLogin(here)).toEqual({ url: 'http://localhost:5000', key: 'local' })
    expect(here.stderr.read().toString()).toContain(join(folder, 'data/admin-key'))
    await expect(findLogin(terminal({ STOWAGE_URL: 'https://other.example' }))).rejects.toThrow('stowage login')
  })

  test('that was damaged says how to mend it', async () => {
    const path = await keepLogin(terminal(), kept)
    await writeFile(path, (await readFile(path, 'utf8')).slice(1))
    await expect(findLogin(terminal())).rejects.toThrow('run `stowage login` again')
  })
})

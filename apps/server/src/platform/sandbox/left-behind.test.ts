import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, sweepFolders, withFolder } from './folder.ts'

let parent: string

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sandbox-test-'))
})

afterAll(async () => {
  await rm(parent, { recursive: true, force: true })
})

/** The processes whose command line holds the text, the server itself left out. */
function runningFor(text: string): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.includes(text) && !line.includes('parent.fixture'))
}

describe('when the server is killed', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'by %s, its children end, and its folders go with the next start',
    async (signal) => {
      const place = await mkdtemp(join(parent, 'place-'))
      const mark = `4${process.pid}`
      const server = spawn(
        process.execPath,
        [fileURLToPath(new URL('./parent.fixture.ts', import.meta.url)), place, mark],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      await once(server.stdout, 'data')
      // An endless loop in a child, and a program that waits for another.
      expect(runningFor(place).length).toBeGreaterThan(0)
      expect(runningFor(`sleep ${mark}`).length).toBeGreaterThan(0)
      expect((await readdir(place)).length).toBeGreaterThan(0)
      await sweepFolders(place)
      expect((await readdir(place)).length).toBeGreaterThan(0)

      server.kill(signal)
      await once(server, 'exit')
      await expect.poll(() => [...runningFor(place), ...runningFor(`sleep ${mark}`)], { timeout: 10_000 }).toEqual([])
      await sweepFolders(place)
      expect(await readdir(place)).toEqual([])
    },
  )
})

describe('a private folder', () => {
  test('can be read by nobody else and is gone afterwards', async () => {
    const place = await mkdtemp(join(parent, 'place-'))
    const mode = await withFolder(place, async (folder) => (await stat(folder)).mode)
    expect(mode & 0o777).toBe(0o700)
    expect(await readdir(place)).toEqual([])
  })

  test('stays while its owner lives', async () => {
    const place = await mkdtemp(join(parent, 'place-'))
    await makeFolder(place)
    await sweepFolders(place)
    expect(await readdir(place)).toHaveLength(1)
  })

  test('of another process with the same id goes, and what others made stays', async () => {
    const place = await mkdtemp(join(parent, 'place-'))
    const [, , host] = (await makeFolder(place)).slice(place.length + 1).split('-')
    const mine = await readdir(place)
    const stale = [`stowage-sandbox-${host}-${process.pid}-1-abcdef`, `stowage-sandbox-${host}-99999999-1-abcdef`]
    const kept = ['stowage-sandbox-00000000-99999999-1-abcdef', 'stowage-sandbox-notes', 'other']
    for (const name of [...stale, ...kept]) await mkdir(join(place, name))
    await symlink(parent, join(place, `stowage-sandbox-${host}-99999999-2-abcdef`))
    await sweepFolders(place)
    expect((await readdir(place)).sort()).toEqual(
      [...mine, ...kept, `stowage-sandbox-${host}-99999999-2-abcdef`].sort(),
    )
  })
})

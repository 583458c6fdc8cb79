import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeMasterKeys } from './conformance.ts'
import { masterKeysFromValue, openKeyFile } from './local-keys.ts'

let folder: string
let files = 0
const newPath = () => join(folder, `keys-${++files}`)
const newKey = () => randomBytes(32).toString('base64')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stowage-keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

describeMasterKeys('a key file', async () => {
  const path = newPath()
  return {
    keys: await openKeyFile(path),
    rotate: async () => {
      await writeFile(path, `# rotated\nnew:${newKey()}\n\n${await readFile(path, 'utf8')}`)
      return openKeyFile(path)
    },
    foreign: () => openKeyFile(newPath()),
  }
})

describeMasterKeys('a value of the environment', async () => {
  const old = `old:${newKey()}`
  return {
    keys: masterKeysFromValue(old),
    rotate: async () => masterKeysFromValue(`new:${newKey()}, ${old}`),
    foreign: async () => masterKeysFromValue(newKey()),
  }
})

describe('openKeyFile', () => {
  test('makes an absent file with a key that its owner alone may read, and folders above it', async () => {
    const path = join(folder, 'made', 'with', 'folders', 'key')
    const { currentId } = await openKeyFile(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await openKeyFile(path)).currentId).toBe(currentId)
    expect(await readdir(join(folder, 'made', 'with', 'folders'))).toEqual(['key'])
  })

  test('gives processes that start together one key', async () => {
    const path = newPath()
    const opened = await Promise.all(Array.from({ length: 20 }, () => openKeyFile(path)))
    expect(new Set(opened.map((keys) => keys.currentId)).size).toBe(1)
  })

  test('refuses a file that others may open', async () => {
    const path = newPath()
    await openKeyFile(path)
    for (const mode of [0o640, 0o604, 0o660, 0o601]) {
      await chmod(path, mode)
      await expect(openKeyFile(path)).rejects.toMatchObject({ kind: 'unsafePermissions' })
    }
    await chmod(path, 0o400)
    await expect(openKeyFile(path)).resolves.toBeDefined()
  })

  test.each([
    ['nothing', ''],
    ['comments alone', '# a key\n'],
    ['a key that is too short', `k:${randomBytes(31).toString('base64')}\n`],
    ['a key that is too long', `k:${randomBytes(33).toString('base64')}\n`],
    ['no key after the id', 'k:\n'],
    ['a good key and a bad one', `k:${newKey()}\nl:rubbish\n`],
    ['an id with a space', `a b:${newKey()}\n`],
    ['two keys of one id', `k:${newKey()}\nk:${newKey()}\n`],
  ])('refuses a file that holds %s', async (_, text) => {
    const path = newPath()
    await writeFile(path, text, { mode: 0o600 })
    await expect(openKeyFile(path)).rejects.toMatchObject({ kind: 'badKeyMaterial' })
  })

  test('refuses a path that is a folder', async () => {
    await expect(openKeyFile(join(folder, 'made'))).rejects.toMatchObject({ name: 'KeyError' })
  })
})

describe('masterKeysFromValue', () => {
  test('takes a bare key in hex or base64 for the same key', () => {
    const key = randomBytes(32)
    const ids = ['hex', 'base64', 'base64url'].map((coding) => {
      return masterKeysFromValue(key.toString(coding as BufferEncoding)).currentId
    })
    expect(new Set(ids).size).toBe(1)
  })

  test('never shows a key in an error', () => {
    const text = randomBytes(31).toString('base64')
    expect(() => masterKeysFromValue(`k:${text}`)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(text) }),
    )
    expect(() => masterKeysFromValue(`k:${text}`)).toThrow('Master key 1')
  })
})

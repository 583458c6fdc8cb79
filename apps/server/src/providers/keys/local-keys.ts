import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { unwrapKey, wrapKey } from './key-wrap.ts'
import { KeyError, type MasterKeys } from './port.ts'

const KEY_BYTES = 32
const ID = /^[A-Za-z0-9._-]{1,64}$/

/**
 * Master keys from a value of the environment: `id:key` entries separated by commas, the first of them current, or one
 * bare key. A key is 32 bytes in base64 or hex; a bare one is named by a fingerprint. Rotation: put the new entry in
 * front.
 *
 * @throws KeyError `badKeyMaterial`; the message names the entry by its place and never holds the key
 */
export function masterKeysFromValue(value: string): MasterKeys {
  return masterKeysOf(value.split(','))
}

/**
 * Master keys from a file: one entry a line, as in `masterKeysFromValue`; empty lines and lines that begin with `#` do
 * not count.
 *
 * When the file is absent, one with a random key is made, readable by its owner alone and durable before this resolves.
 * Processes that start together agree on one key.
 *
 * @throws KeyError `unsafePermissions` when others may read or change the file | `badKeyMaterial` | `unavailable`
 */
export async function openKeyFile(path: string): Promise<MasterKeys> {
  const text = (await readKeyFile(path)) ?? (await makeAndReadKeyFile(path))
  return masterKeysOf(text.split('\n').filter((line) => !line.startsWith('#')))
}

function masterKeysOf(entries: string[]): MasterKeys {
  const keys = new Map<string, Buffer>()
  for (const [index, entry] of entries.map((text) => text.trim()).entries()) {
    if (entry === '') continue
    const { id, key } = parseEntry(entry, index + 1)
    if (keys.has(id)) throw new KeyError('badKeyMaterial', `Two master keys are called ${id}`)
    keys.set(id, key)
  }
  const [current] = keys
  if (!current) throw new KeyError('badKeyMaterial', 'There is no master key')
  const [currentId, currentKey] = current
  return {
    currentId,
    wrap: async (key, context) => ({
      masterId: currentId,
      wrapped: wrapKey(currentKey, key, bind(currentId, context)),
    }),
    unwrap: async (masterId, wrapped, context) => {
      const master = keys.get(masterId)
      if (!master) throw new KeyError('unknownKey', `There is no master key ${masterId}`)
      const key = unwrapKey(master, wrapped, bind(masterId, context))
      if (!key) throw new KeyError('corrupt', `What was to be unwrapped with ${masterId} is not what was wrapped`)
      return key
    },
  }
}

function bind(masterId: string, context: string): Buffer {
  return Buffer.from(`stowage master ${masterId}\0${context}`)
}

function parseEntry(entry: string, place: number): { id: string; key: Buffer } {
  const colon = entry.indexOf(':')
  const key = parseKey(entry.slice(colon + 1).trim())
  if (!key) throw new KeyError('badKeyMaterial', `Master key ${place} is not ${KEY_BYTES} bytes in base64 or hex`)
  const id = colon === -1 ? fingerprint(key) : entry.slice(0, colon).trim()
  if (!ID.test(id))
    throw new KeyError('badKeyMaterial', `The id of master key ${place} is not 1 to 64 of A-Z a-z 0-9 . _ -`)
  return { id, key }
}

function parseKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  return undefined
}

function fingerprint(key: Buffer): string {
  return `mk-${createHash('sha256').update('stowage master key id\0').update(key).digest('hex').slice(0, 12)}`
}

async function readKeyFile(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) {
      throw new KeyError('unsafePermissions', `Others may open the key file ${path}: let its mode be 0600, or 0400`)
    }
    return await file.readFile('utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw asKeyError(error, path)
  } finally {
    await file?.close()
  }
}

async function makeAndReadKeyFile(path: string): Promise<string> {
  await makeKeyFile(resolve(path))
  const text = await readKeyFile(path)
  if (text === undefined) throw new KeyError('unavailable', `The key file ${path} was removed while it was opened`)
  return text
}

async function makeKeyFile(path: string): Promise<void> {
  const key = randomBytes(KEY_BYTES)
  const temporary = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeDurably(temporary, `${fingerprint(key)}:${key.toString('base64')}\n`)
    // A process that starts at the same time may have been first; its key is the one to use.
    await link(temporary, path).catch(unlessCode('EEXIST'))
    await unlink(temporary)
    await syncFolders(dirname(path), made === undefined ? dirname(path) : dirname(made))
  } catch (error) {
    throw asKeyError(error, path)
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolders(from: string, upTo: string): Promise<void> {
  for (let folder = from; ; folder = dirname(folder)) {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (folder === upTo) return
  }
}

function unlessCode(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error
  }
}

function asKeyError(error: unknown, path: string): KeyError {
  if (error instanceof KeyError) return error
  return new KeyError('unavailable', `The key file ${path} cannot be used: ${(error as Error).message}`, {
    cause: error,
  })
}

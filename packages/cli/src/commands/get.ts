import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type Content, piecesOf } from '../content.ts'
import { LocalError, UsageError } from '../failure.ts'
import { leaf, type Run, type Work } from '../leaf.ts'
import { withProgress } from '../progress-bar.ts'
import { showSize } from '../quantities.ts'
import { downloadFile } from '../resumable-file.ts'
import { remark } from '../terminal.ts'

const STDOUT = '-'

interface Wanted {
  version?: string
  variant?: string
}

export function addGet(run: Run, program: Command): void {
  const summary = 'Download an asset to a file, a folder, or - for standard output; a broken download is gone on with'
  leaf(run, program, 'get <id> [file]', summary, async (work, [id, target], options) => {
    const content = await describe(work, id!, options as Wanted)
    if (target === STDOUT) return toStdout(work, content)
    const path = await placeFor(work, content, target)
    if (!options['force'] && (await stat(path).catch(() => undefined))) {
      throw new LocalError(`${path} is there already: give another name, or --force.`)
    }
    await withProgress(work.terminal, content.name, content.sizeBytes, (onProgress) =>
      downloadFile(work.client, content, path, onProgress),
    )
    remark(work.terminal, `${path}  ${showSize(content.sizeBytes)}`)
  })
    .option('--version <number>', 'an earlier version')
    .option('--variant <name>', 'a variant, such as thumbnail or preview:2')
    .option('--force', 'replace the file if it is there')
}

/** The current version is pinned: should another become current meanwhile, the bytes still belong together. */
async function describe({ client }: Work, assetId: string, { version, variant }: Wanted): Promise<Content> {
  if (version !== undefined && !/^[1-9]\d*$/.test(version)) throw new UsageError('--version is a number from 1 on.')
  const content =
    version === undefined
      ? { ...(await client.assets.get({ assetId })), assetId }
      : await client.versions.get({ assetId, version: Number(version) })
  return variant === undefined ? content : describeVariant(client, content, variant)
}

/** It is made by now if it was not there. */
async function describeVariant(client: Work['client'], content: Content, words: string): Promise<Content> {
  const [name = '', suffix] = words.split(':')
  const variant = { name, ...(suffix !== undefined && { suffix }) }
  const found = await client.download(content.assetId, { version: content.version, variant })
  await found.stream.cancel()
  const { sizeBytes, sha256 = '' } = found
  return { ...content, sizeBytes, sha256, variant, name: found.name ?? name }
}

async function placeFor({ terminal }: Work, { name, assetId }: Content, target: string | undefined): Promise<string> {
  const path = resolve(terminal.folder, target ?? localName(name, assetId))
  const found = target === undefined ? undefined : await stat(path).catch(() => undefined)
  return found?.isDirectory() ? join(path, localName(name, assetId)) : path
}

/** A name from elsewhere must not lead out of the folder nor steer the terminal. */
function localName(name: string, instead: string): string {
  const harmless = name.replaceAll(/[/\\\p{Cc}]/gu, '_')
  return /^\.*$/.test(harmless) ? instead : harmless
}

async function toStdout({ client, terminal }: Work, content: Content): Promise<void> {
  const hash = createHash('sha256')
  let writtenBytes = 0
  for await (const { bytes, position } of piecesOf(client, content, 0, undefined)) {
    const fresh = bytes.subarray(Math.max(0, writtenBytes - position))
    if (fresh.byteLength === 0) continue
    writtenBytes += fresh.byteLength
    hash.update(fresh)
    if (!terminal.stdout.write(fresh)) await once(terminal.stdout, 'drain')
  }
  if (hash.digest('hex') !== content.sha256) throw new LocalError('The bytes arrived damaged: do not use them.')
}

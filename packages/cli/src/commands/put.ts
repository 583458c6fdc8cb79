import { createHash } from 'node:crypto'
import { createReadStream, openAsBlob } from 'node:fs'
import { basename, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StowageError, type UploadBody, type Uploaded, type UploadInput } from '@stowage/client'
import type { Command } from 'commander'
import { exitCodes, explain, UsageError } from '../failure.ts'
import { answer, leaf, type Run, type Work } from '../leaf.ts'
import { table } from '../output.ts'
import { withProgress } from '../progress-bar.ts'
import { addRowOptions } from '../row-options.ts'
import { remark } from '../terminal.ts'

const STDIN = '-'

export function addPut(run: Run, program: Command): void {
  const summary = 'Upload files, or - for standard input'
  const command = leaf(run, program, 'put <files...>', summary, async (work, args, options) => {
    const paths = args[0] as unknown as readonly string[]
    const fields = readOptions()
    checkUse(paths, fields, options['asVersionOf'])
    return putAll(work, paths, { ...fields, assetId: options['asVersionOf'] } as UploadInput)
  })
  const readOptions = addRowOptions(command, 'assets.create', {
    without: ['sha256'],
    names: { assetType: 'type', metadata: 'meta' },
  })
  command.option('--as-version-of <id>', 'add the file to an asset as its new version')
}

function checkUse(paths: readonly string[], fields: Record<string, unknown>, assetId: unknown): void {
  if (paths.length > 1 && (fields['name'] !== undefined || assetId !== undefined)) {
    throw new UsageError('--name and --as-version-of are for one file.')
  }
  if (paths.includes(STDIN) && fields['name'] === undefined && assetId === undefined) {
    throw new UsageError('Standard input has no name: give --name.')
  }
  const others = Object.keys(fields).filter((field) => field !== 'name')
  if (assetId !== undefined && others.length > 0) {
    throw new UsageError(`A new version takes no other option than --name: ${others.join(', ')} belong to the asset.`)
  }
}

/** One file that is refused does not keep the others from being sent; a server that is away does. */
async function putAll(work: Work, paths: readonly string[], input: UploadInput): Promise<number> {
  const assets: Uploaded[] = []
  let exitCode: number = exitCodes.done
  for (const path of paths) {
    try {
      assets.push(await put(work, path, input))
    } catch (error) {
      const { text, exitCode: code } = explain(error)
      remark(work.terminal, `${path}: ${text}`)
      exitCode = code
      if (error instanceof StowageError && error.code === 'client.unreachable') break
    }
  }
  if (assets.length > 0) show(work, assets, paths.length)
  return exitCode
}

function show(work: Work, assets: readonly Uploaded[], asked: number): void {
  answer(work, asked === 1 ? assets[0] : assets, () =>
    table(assets, ['id', 'name', 'sizeBytes', 'mediaType', 'version']),
  )
}

async function put(work: Work, path: string, input: UploadInput): Promise<Uploaded> {
  const { body, sizeBytes, ...known } = path === STDIN ? standardInput(work) : await openFile(work, path)
  // A new version keeps the name of its asset.
  const fields = input.assetId === undefined ? { ...known, ...input } : { ...input, sha256: known.sha256 }
  return withProgress(work.terminal, known.name ?? 'standard input', sizeBytes, (onProgress) =>
    work.client.upload(body, { ...fields, onProgress }),
  )
}

interface Source {
  body: UploadBody
  name?: string
  sha256?: string
  sizeBytes?: number
}

function standardInput({ terminal }: Work): Source {
  return { body: Readable.toWeb(terminal.stdin) as ReadableStream<Uint8Array> }
}

/** Hashed before it is sent: the service then refuses a file that changed, or was damaged, on its way. */
async function openFile({ terminal }: Work, path: string): Promise<Source> {
  const whole = resolve(terminal.folder, path)
  const hash = createHash('sha256')
  await pipeline(createReadStream(whole), hash)
  const body = await openAsBlob(whole)
  return { body, name: basename(whole), sha256: hash.digest('hex'), sizeBytes: body.size }
}

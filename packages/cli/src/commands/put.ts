import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { type FileSource, StowageError, type Uploaded, type UploadInput, type UploadStart } from '@stowage/client'
import { type Command, InvalidArgumentError } from 'commander'
import { openDiskFile } from '../disk-file.ts'
import { exitCodes, explain, UsageError } from '../failure.ts'
import { answer, leaf, type Run, type Work } from '../leaf.ts'
import { table } from '../output.ts'
import { withProgress } from '../progress-bar.ts'
import { showSize } from '../quantities.ts'
import { addRowOptions } from '../row-options.ts'
import { remark } from '../terminal.ts'

const STDIN = '-'

export function addPut(run: Run, program: Command): void {
  const summary = 'Upload files, or - for standard input; an upload that was interrupted is gone on with'
  const command = leaf(run, program, 'put <files...>', summary, async (work, args, options) => {
    const paths = args[0] as unknown as readonly string[]
    const fields = readOptions()
    checkUse(paths, fields, options['asVersionOf'])
    const transfer = { parallel: options['parallel'], ...(options['resume'] === false && { memory: false }) }
    return putAll(work, paths, { ...fields, ...transfer, assetId: options['asVersionOf'] } as UploadInput)
  })
  const readOptions = addRowOptions(command, 'assets.create', {
    without: ['sha256'],
    names: { assetType: 'type', metadata: 'meta' },
  })
  command
    .option('--as-version-of <id>', 'add the file to an asset as its new version')
    .option('--no-resume', 'begin anew, and remember nothing for the next run')
    .option('--parallel <number>', 'parts of a large file sent at a time (default: 3)', parseParallel)
}

function parseParallel(text: string): number {
  if (!/^([1-9]|1\d|2[0-4])$/.test(text)) throw new InvalidArgumentError('It is a number from 1 to 24.')
  return Number(text)
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
  const file = path === STDIN ? undefined : await openDiskFile(resolve(work.terminal.folder, path))
  const body = file ? named(file, input) : (Readable.toWeb(work.terminal.stdin) as ReadableStream<Uint8Array>)
  const onStart = ({ arrivedBytes }: UploadStart) => {
    if (arrivedBytes > 0) remark(work.terminal, resumedText(path, arrivedBytes, file?.size))
  }
  return withProgress(work.terminal, file?.name ?? 'standard input', file?.size, (onProgress) =>
    work.client.upload(body, { ...input, onStart, onProgress }),
  )
}

/** A new version keeps the name of its asset. */
function named(file: FileSource, input: UploadInput): FileSource {
  const { name, ...nameless } = file
  return input.assetId === undefined ? file : nameless
}

function resumedText(path: string, arrivedBytes: number, sizeBytes: number | undefined): string {
  const whole = sizeBytes === undefined ? '' : ` of ${showSize(sizeBytes)}`
  return `${path}: resumed, ${showSize(arrivedBytes)}${whole} had arrived before`
}

import type { Command } from 'commander'
import { UsageError } from '../failure.ts'
import { answer, leaf, type Run, type Work } from '../leaf.ts'
import { card, table } from '../output.ts'
import { addRowOptions } from '../row-options.ts'
import { list } from './rows.ts'

const columns = ['version', 'current', 'name', 'sizeBytes', 'mediaType', 'madeFrom', 'createdBy', 'createdAt']

export function addVersions(run: Run, program: Command): void {
  const summary = 'List the versions of an asset, compare two, go back to one, or remove old ones'
  const command = leaf(run, program, 'versions <id>', summary, async (work, [id], options) => {
    const assetId = id!
    const { compare, makeCurrent, prune } = options
    if ([compare, makeCurrent, prune].filter((one) => one !== undefined).length > 1) {
      throw new UsageError('Give one of --compare, --make-current and --prune.')
    }
    if (compare !== undefined) return showDifferences(work, assetId, compare as string[])
    if (makeCurrent !== undefined) return goBack(work, assetId, makeCurrent as string)
    if (prune !== undefined) return removeOld(work, assetId, readPruning())
    if (Object.keys(readPruning()).length > 0) throw new UsageError('These options belong to --prune.')
    return list(work, 'versions.list', columns, { ...readPage(), assetId }, options['all'] === true)
  })
  command
    .option('--compare <versions...>', 'two versions')
    .option('--make-current <version>', 'add a new version with the bytes of this one')
    .option('--prune', 'remove old versions')
    .option('--all', 'every page, not just the first')
  const readPruning = addRowOptions(command, 'versions.prune', { without: ['assetId'] })
  const readPage = addRowOptions(command, 'versions.list', { without: ['assetId'] })
}

async function showDifferences(work: Work, assetId: string, versions: readonly string[]): Promise<void> {
  if (versions.length !== 2) throw new UsageError('--compare takes two versions.')
  const [version, other] = versions.map(versionNumber) as [number, number]
  const compared = await work.client.versions.compare({ assetId, version, with: other })
  const rows = compared.differences.map(({ field, value, otherValue }) => ({
    field,
    [`version ${version}`]: value,
    [`version ${other}`]: otherValue,
  }))
  const bytes = compared.sameContent ? 'The bytes are the same.' : 'The bytes differ.'
  answer(work, compared, () => `${bytes}\n${table(rows, ['field', `version ${version}`, `version ${other}`])}`)
}

async function goBack(work: Work, assetId: string, version: string): Promise<void> {
  const asset = await work.client.versions.makeCurrent({ assetId, version: versionNumber(version) })
  answer(work, asset, () => `Version ${asset.version} is current, with the bytes of version ${version}.`)
}

async function removeOld(work: Work, assetId: string, pruning: Record<string, unknown>): Promise<void> {
  if (pruning['keepLast'] === undefined && pruning['olderThanDays'] === undefined) {
    throw new UsageError('Say which with --keep-last or --older-than-days.')
  }
  const pruned = await work.client.versions.prune({ assetId, ...pruning })
  answer(work, pruned, () => card(pruned))
}

function versionNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`${text} is not the number of a version.`)
  return Number(text)
}

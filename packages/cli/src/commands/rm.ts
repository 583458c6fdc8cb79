import type { Command } from 'commander'
import { LocalError } from '../failure.ts'
import { leaf, type Run } from '../leaf.ts'
import { confirm, remark } from '../terminal.ts'

export function addRm(run: Run, program: Command): void {
  const summary = 'Move an asset to the trash, or with --purge remove it and its bytes for good'
  leaf(run, program, 'rm <id>', summary, async ({ client, terminal }, [id], options) => {
    const assetId = id!
    const purge = options['purge'] === true
    if (purge && !options['yes'] && !(await confirm(terminal, `Remove ${assetId} and every version of it for good?`))) {
      throw new LocalError('Nothing was removed.')
    }
    await client.assets.delete({ assetId, purge })
    remark(terminal, purge ? 'Removed.' : `In the trash; \`stowage restore ${assetId}\` brings it back.`)
  })
    .option('--purge', 'remove it for good')
    .option('--yes', 'do not ask')
}

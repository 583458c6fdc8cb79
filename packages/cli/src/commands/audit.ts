import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { exitCodes, UsageError } from '../failure.ts'
import { answer, leaf, type Run, type Work } from '../leaf.ts'
import { card, table } from '../output.ts'
import { addRowOptions } from '../row-options.ts'
import { remark } from '../terminal.ts'
import { list } from './rows.ts'

const columns = ['at', 'action', 'outcome', 'principal.id', 'subject', 'problem', 'id']

export function addAudit(run: Run, program: Command): void {
  const summary = 'Search the audit trail, write it to a file, or check that nobody changed it'
  const command = leaf(run, program, 'audit', summary, async (work, _args, options) => {
    if (options['export'] !== undefined && options['verify']) throw new UsageError('Give --export or --verify.')
    if (options['verify']) return verify(work)
    if (options['export'] !== undefined) return exportTo(work, options['export'] as string, readFilters())
    return list(work, 'auditEvents.list', columns, readFilters(), options['all'] === true)
  })
  const readFilters = addRowOptions(command, 'auditEvents.list')
  command
    .option('--export <file>', 'write every event found to a new file, one JSON object to a line')
    .option('--verify', 'check the chain; the exit code is 1 when it is broken')
    .option('--all', 'every page, not just the first')
}

async function verify(work: Work): Promise<number> {
  const { faults, ...found } = await work.client.auditEvents.verify()
  answer(work, { ...found, faults }, () => {
    return faults.length > 0 ? `${card(found)}\n\n${table(faults, ['batch', 'eventId', 'fault'])}` : card(found)
  })
  return found.intact ? exitCodes.done : exitCodes.refused
}

/** The file is new and its owner's alone: the trail names people and addresses. */
async function exportTo(work: Work, path: string, filters: Record<string, unknown>): Promise<void> {
  const file = await open(resolve(work.terminal.folder, path), 'wx', 0o600)
  let events = 0
  try {
    for await (const event of work.client.pages('auditEvents.list', { limit: 200, ...filters })) {
      await file.write(`${JSON.stringify(event)}\n`)
      events++
    }
    await file.sync()
  } finally {
    await file.close()
  }
  remark(work.terminal, `${events} events in ${path}`)
}

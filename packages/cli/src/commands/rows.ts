import type { CallName, ListName } from '@stowage/client'
import { fieldPlaces, getOperation } from '@stowage/contract'
import type { Command } from 'commander'
import { answer, leaf, type Run, type Work } from '../leaf.ts'
import { card, table } from '../output.ts'
import { addRowOptions } from '../row-options.ts'
import { organizationId } from '../session.ts'
import { remark, say } from '../terminal.ts'

/** A command that is one operation: its arguments and options come from the row. */
interface RowCommand {
  group?: string
  /** Name and arguments; an argument fills the field of `argument`. */
  usage: string
  operation: CallName
  argument?: string
  /** Fields that are no option here. */
  without?: readonly string[]
  /** For lists. */
  columns?: readonly string[]
  /** Printed alone in place of all fields, so that a script can take it as it is. */
  only?: string
  /** Said beside the answer. */
  note?: string
}

const groups: Readonly<Record<string, string>> = {
  keys: 'API keys',
  orgs: 'Organizations',
  members: 'Members of an organization',
}

const secretNote = 'The secret is shown this once: keep it now.'

const rowCommands: readonly RowCommand[] = [
  {
    usage: 'ls',
    operation: 'assets.list',
    columns: ['id', 'name', 'sizeBytes', 'mediaType', 'version', 'visibility', 'createdAt'],
  },
  { usage: 'info <id>', operation: 'assets.get', argument: 'assetId' },
  {
    usage: 'variants <id>',
    operation: 'variants.list',
    argument: 'assetId',
    columns: ['name', 'suffix', 'state', 'mediaType', 'width', 'height', 'sizeBytes', 'reason'],
  },
  { usage: 'restore <id>', operation: 'assets.restore', argument: 'assetId' },
  { usage: 'sign <id>', operation: 'signedUrls.create', argument: 'assetId', only: 'url' },
  { usage: 'usage', operation: 'usage.get' },
  {
    group: 'keys',
    usage: 'ls',
    operation: 'apiKeys.list',
    columns: ['id', 'name', 'role', 'userId', 'prefix', 'createdAt', 'expiresAt'],
  },
  // The organization of a key is the one that the request names.
  { group: 'keys', usage: 'create', operation: 'apiKeys.create', without: ['organizationId'], note: secretNote },
  { group: 'keys', usage: 'rotate <id>', operation: 'apiKeys.rotate', argument: 'keyId', note: secretNote },
  { group: 'keys', usage: 'revoke <id>', operation: 'apiKeys.delete', argument: 'keyId' },
  { group: 'orgs', usage: 'ls', operation: 'organizations.list', columns: ['id', 'slug', 'name', 'createdAt'] },
  { group: 'orgs', usage: 'create', operation: 'organizations.create' },
  { group: 'orgs', usage: 'show [id]', operation: 'organizations.get', argument: 'organizationId' },
  {
    group: 'members',
    usage: 'ls',
    operation: 'members.list',
    columns: ['id', 'name', 'email', 'externalId', 'role', 'createdAt'],
  },
  { group: 'members', usage: 'add', operation: 'members.create' },
  { group: 'members', usage: 'remove <id>', operation: 'members.delete', argument: 'memberId' },
]

export function addRowCommands(run: Run, program: Command): void {
  const parents = new Map<string, Command>()
  for (const [name, summary] of Object.entries(groups)) {
    parents.set(name, program.command(name).description(summary))
  }
  for (const row of rowCommands) addRowCommand(run, parents.get(row.group ?? '') ?? program, row)
}

function addRowCommand(run: Run, parent: Command, row: RowCommand): void {
  const { summary } = getOperation(row.operation)
  const inPath = fieldPlaces(getOperation(row.operation)).path
  const command = leaf(run, parent, row.usage, summary, async (work, [argument]) => {
    const input = { ...readOptions(), ...(await pathFields(work, inPath, row.argument, argument)) }
    if (row.columns) return list(work, row.operation as ListName, row.columns, input, command.opts()['all'] === true)
    const value = await work.client.call(row.operation, input as never)
    show(work, row, value)
  })
  const readOptions = addRowOptions(command, row.operation, { without: [...inPath, ...(row.without ?? [])] })
  if (row.columns) command.option('--all', 'every page, not just the first')
}

async function pathFields(
  work: Work,
  inPath: readonly string[],
  argumentField: string | undefined,
  argument: string | undefined,
): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = {}
  if (argumentField !== undefined) fields[argumentField] = argument
  if (inPath.includes('organizationId')) {
    const wanted = (fields['organizationId'] as string | undefined) ?? work.login.organization
    fields['organizationId'] = await organizationId(work.client, wanted)
  }
  return fields
}

/** Prints one page, or all of them as if they were one. */
export async function list(
  work: Work,
  operation: ListName,
  columns: readonly string[],
  input: Record<string, unknown>,
  all: boolean,
): Promise<void> {
  const page = all
    ? { items: await allItems(work, operation, input), nextCursor: null }
    : ((await work.client.call(operation, input as never)) as { items: object[]; nextCursor: string | null })
  answer(work, page, () => table(page.items, columns))
  if (page.nextCursor && !work.json) remark(work.terminal, `There is more: --all, or --cursor ${page.nextCursor}`)
}

async function allItems(work: Work, operation: ListName, input: Record<string, unknown>): Promise<object[]> {
  const items: object[] = []
  for await (const item of work.client.pages(operation, input as never)) items.push(item)
  return items
}

function show(work: Work, row: RowCommand, value: unknown): void {
  if (value === undefined) {
    if (!work.json) remark(work.terminal, 'Done.')
    return
  }
  const whole = value as Record<string, unknown>
  if (row.only !== undefined && !work.json) {
    const { [row.only]: alone, ...rest } = whole
    say(work.terminal, String(alone))
    remark(work.terminal, card(rest))
    return
  }
  answer(work, whole, () => card(whole))
  if (row.note !== undefined) remark(work.terminal, row.note)
}

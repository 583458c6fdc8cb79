import { type OperationName, operations } from '@stowage/contract'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { addRowOptions, type RowOptions } from './row-options.ts'

function read(operation: OperationName, args: string[], options?: RowOptions): Record<string, unknown> {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const input = addRowOptions(command, operation, options)
  command.parse(args, { from: 'user' })
  return input()
}

describe('the options of an operation', () => {
  test('leave out what was not given', () => expect(read('assets.list', [])).toEqual({}))

  test('read numbers, words and times', () => {
    const args = ['--limit', '10', '--tag', 'x', '--created-after', '2026-11-21T09:30:00Z', '--state', 'trashed']
    expect(read('assets.list', args)).toEqual({
      limit: 10,
      tag: 'x',
      createdAfter: '2026-11-21T09:30:00.000Z',
      state: 'trashed',
    })
  })

  test('are called by what they are, with the unit in the value', () => {
    expect(read('signedUrls.create', ['--expires', '1h', '--max-downloads', '3'], { without: ['assetId'] })).toEqual({
      expiresInSeconds: 3600,
      maxDownloads: 3,
    })
    expect(read('organizations.create', ['--name', 'A', '--slug', 'a', '--quota', '1GiB'])).toEqual({
      name: 'A',
      slug: 'a',
      quotaBytes: 1024 ** 3,
    })
  })

  test('gather lists, free fields and links', () => {
    const args = ['--tag', 'a', '--tag', 'b', '--metadata', 'n=1', '--metadata', 'title=x=y', '--call', 'c1']
    expect(read('assets.create', args)).toEqual({
      tags: ['a', 'b'],
      metadata: { n: 1, title: 'x=y' },
      links: { callId: 'c1' },
    })
  })

  test('refuse what the field cannot be', () => {
    expect(() => read('assets.list', ['--limit', 'many'])).toThrow('a number')
    expect(() => read('assets.list', ['--state', 'gone'])).toThrow('Allowed choices')
    expect(() => read('apiKeys.create', ['--name', 'k', '--role', 'viewer', '--scope', 'all'])).toThrow('one of')
  })

  test('ask for what the operation needs', () => {
    expect(() => read('organizations.create', ['--name', 'A'])).toThrow('--slug')
  })

  test.each(Object.keys(operations) as OperationName[])('of %s have a name each', (operation) => {
    const command = new Command()
    // Commander refuses two options of one name.
    addRowOptions(command, operation)
    const fields = Object.keys(operations[operation].input.shape).filter((field) => field !== 'links')
    expect(command.options.length).toBeGreaterThanOrEqual(fields.length)
  })
})

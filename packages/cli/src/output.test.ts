import { describe, expect, test } from 'vitest'
import { card, table } from './output.ts'
import { progressLine } from './progress-bar.ts'

describe('a table', () => {
  test('aligns columns, numbers to the right, and shows sizes for people', () => {
    const items = [
      { id: 'a', sizeBytes: 1536, principal: { id: 'key_1' } },
      { id: 'long', sizeBytes: 10, principal: { id: null } },
    ]
    expect(table(items, ['id', 'sizeBytes', 'principal.id'])).toBe(
      ['ID       SIZE  PRINCIPAL', 'a     1.5 KiB  key_1', 'long     10 B  -'].join('\n'),
    )
  })

  test('keeps a name from steering the terminal or turning the line around', () => {
    expect(table([{ name: 'a\u001b[31m\u202egpj.exe' }], ['name'])).toBe('NAME\na\ufffd[31m\ufffdgpj.exe')
  })
})

describe('a card', () => {
  test('shows a field to a line, those inside others too, and times as they are here', () => {
    const at = new Date(2026, 10, 21, 9, 30)
    const asset = { name: 'a', scan: { status: 'clean' }, tags: ['x', 'y'], folder: null, createdAt: at.toISOString() }
    expect(card(asset)).toBe(
      [
        'name         a',
        'scan.status  clean',
        'tags         x, y',
        'folder       -',
        'created at   2026-11-21 09:30:00',
      ].join('\n'),
    )
  })
})

describe('a progress line', () => {
  test('says how far, how much, how fast and how long still', () => {
    expect(progressLine('a.bin', 512 * 1024, 1024 ** 2, { movedBytes: 512 * 1024, seconds: 2 })).toBe(
      `a.bin [${'='.repeat(15).padEnd(30)}] 50%  512 KiB of 1.0 MiB  256 KiB/s  2 s left`,
    )
  })

  test('takes no credit for what an earlier run has brought', () => {
    const line = progressLine('a.bin', 900 * 1024 ** 2, 1000 * 1024 ** 2, { movedBytes: 1024 ** 2, seconds: 1 })
    expect(line).toContain('1.0 MiB/s  1 min 40 s left')
  })

  test('of a stream without a known end says how much and how fast', () => {
    expect(progressLine('-', 2048, undefined, { movedBytes: 2048, seconds: 1 })).toBe('-  2.0 KiB  2.0 KiB/s')
  })
})

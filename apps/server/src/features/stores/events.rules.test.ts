import { describe, expect, test } from 'vitest'
import { folderProblem, type InboxPlace, inboxPlace, type Remembered, suspicionOf } from './events.rules.ts'

const uploadedAt = new Date('2026-08-01T12:00:00Z')
const at = (seconds: number) => new Date(uploadedAt.getTime() + seconds * 1000)
const live = { state: 'live', stored_bytes: 10, created_at: uploadedAt }
const created = (seconds: number, sizeBytes?: number) => ({
  kind: 'created' as const,
  at: at(seconds),
  order: undefined,
  ...(sizeBytes !== undefined && { sizeBytes }),
})
const removed = (seconds: number) => ({ kind: 'removed' as const, at: at(seconds), order: undefined })
const known = (event: { kind: string; at: Date }, suspected = false): Remembered => ({
  kind: event.kind,
  at: event.at,
  sequencer: null,
  suspected,
})

describe('suspicionOf', () => {
  test('suspects nothing of our own write', () => {
    expect(suspicionOf(created(1, 10), live, undefined)).toBeUndefined()
    expect(suspicionOf(created(1), live, undefined)).toBeUndefined()
  })

  test('suspects nothing of a copy that is being written, released or gone', () => {
    for (const state of ['writing', 'releasing', 'gone']) {
      expect(suspicionOf(removed(9), { ...live, state }, known(created(1)))).toBeUndefined()
      expect(suspicionOf(created(9, 99), { ...live, state }, undefined)).toBeUndefined()
    }
  })

  test('takes the removal of a live copy for a loss', () => {
    expect(suspicionOf(removed(9), live, undefined)).toBe('vanished')
    expect(suspicionOf(removed(9), live, known(created(1)))).toBe('vanished')
  })

  test('takes a second write, one of another size, or one long after the upload for a change', () => {
    expect(suspicionOf(created(9, 10), live, known(created(1)))).toBe('changed')
    expect(suspicionOf(created(9, 11), live, undefined)).toBe('changed')
    expect(suspicionOf(created(2 * 86_400, 10), live, undefined)).toBe('changed')
  })

  test('suspects nothing when it is told the same again', () => {
    expect(suspicionOf(created(9, 11), live, known(created(9)))).toBeUndefined()
    expect(suspicionOf(removed(9), live, known(removed(9)))).toBeUndefined()
  })

  test('suspects nothing of our own write when that comes after the news of a loss', () => {
    expect(suspicionOf(created(1, 10), live, known(removed(9), true))).toBeUndefined()
  })

  test('suspects a change, once, when the first of two writes is told of last', () => {
    expect(suspicionOf(created(1, 10), live, known(created(9)))).toBe('changed')
    expect(suspicionOf(created(1, 10), live, known(created(9), true))).toBeUndefined()
  })
})

describe('inboxPlace', () => {
  test.each([
    ['inbox/acme/a.txt', { slug: 'acme', folder: undefined, name: 'a.txt' }],
    ['inbox/acme/2026/08/a b.txt', { slug: 'acme', folder: '2026/08', name: 'a b.txt' }],
    ['inbox/acme/../a.txt', { slug: 'acme', folder: '..', name: 'a.txt' }],
  ])('reads %s', (key, place) => expect(inboxPlace('inbox/', key)).toEqual(place))

  test.each(['inbox/', 'inbox/acme', 'inbox/acme/', 'inbox/acme/folder/', 'inbox//a.txt', 'other/acme/a.txt'])(
    'has none for %s',
    (key) => expect(inboxPlace('inbox/', key)).toBeUndefined(),
  )
})

describe('folderProblem', () => {
  const of = (folder: string | undefined) => folderProblem({ slug: 'acme', name: 'a.txt', folder } satisfies InboxPlace)

  test('finds none in names', () => {
    expect(of(undefined)).toBeUndefined()
    expect(of('2026/Août')).toBeUndefined()
  })

  test.each(['..', 'a/../b', 'a//b', '.', 'a\\b', 'a\u0000b', 'a\u202eb', ' a'])('refuses %j', (folder) =>
    expect(of(folder)).toEqual(expect.any(String)),
  )
})

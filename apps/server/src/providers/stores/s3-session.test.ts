import { describe, expect, test } from 'vitest'
import { createSessions, sessionPolicy } from './s3-session.ts'

interface Statement {
  Action: string[]
  Resource: string | string[]
  Condition?: object
}

const statementsOf = (policy: string): Statement[] => JSON.parse(policy).Statement

describe('the policy of a session', () => {
  test('names objects under the prefix and its staged ones, and lists of those alone', () => {
    const [objects, lists] = statementsOf(sessionPolicy('bucket', 'tenants/a/'))
    expect(objects!.Resource).toEqual(['arn:aws:s3:::bucket/tenants/a/*', 'arn:aws:s3:::bucket/staging/tenants/a/*'])
    expect(objects!.Action).toContain('s3:PutObject')
    expect(lists!.Resource).toBe('arn:aws:s3:::bucket')
    expect(lists!.Condition).toEqual({ StringLike: { 's3:prefix': ['tenants/a/*', 'staging/tenants/a/*'] } })
  })

  test('allows nothing that has no prefix, and no way around a lock', () => {
    const actions = statementsOf(sessionPolicy('bucket', 'a/')).flatMap(({ Action }) => Action)
    expect(actions.filter((action) => /\*|Bypass|ListBucketMultipartUploads|PutBucket/.test(action))).toEqual([])
  })

  test('takes wildcards and variables in a prefix for what they are', () => {
    const [objects] = statementsOf(sessionPolicy('bucket', `a*b?c\${d/`))
    expect(objects!.Resource).toContain(`arn:aws:s3:::bucket/a\${*}b\${?}c\${$}{d/*`)
  })

  test('names the partition of the role, and the use of keys where the server knows them', () => {
    const [objects, , kms] = statementsOf(sessionPolicy('bucket', 'a/', { partition: 'aws-cn', kms: true }))
    expect(objects!.Resource).toContain('arn:aws-cn:s3:::bucket/a/*')
    expect(kms!.Action).toEqual(['kms:GenerateDataKey', 'kms:Decrypt'])
  })

  test('fits into the 2,048 characters that a session policy may have', () => {
    expect(sessionPolicy('b'.repeat(63), `${'x'.repeat(60)}/${'y'.repeat(60)}/`, { kms: true }).length).toBeLessThan(
      2048,
    )
  })
})

describe('sessions', () => {
  const opening = (lifeMs = 3_600_000) => {
    const opened: string[] = []
    let now = 0
    const sessions = createSessions(
      async (within) => {
        const value = `${within}#${opened.push(within)}`
        await new Promise(setImmediate)
        if (within === 'bad') throw new Error('refused')
        return { value, expiresAt: new Date(now + lifeMs) }
      },
      () => now,
    )
    const at = (time: number) => {
      now = time
    }
    return { sessions, opened, at }
  }

  test('are opened once for those who ask at a time, and kept', async () => {
    const { sessions, opened } = opening()
    const asked = await Promise.all(['a', 'a', 'b', 'a'].map(sessions))
    expect(asked).toEqual(['a#1', 'a#1', 'b#2', 'a#1'])
    expect(await sessions('a')).toBe('a#1')
    expect(opened).toEqual(['a', 'b'])
  })

  test('are renewed once, five minutes before they end', async () => {
    const { sessions, at } = opening()
    await sessions('a')
    at(3_600_000 - 300_001)
    expect(await sessions('a')).toBe('a#1')
    at(3_600_000 - 300_000)
    expect(await Promise.all([sessions('a'), sessions('a')])).toEqual(['a#2', 'a#2'])
    expect(await sessions('a')).toBe('a#2')
  })

  test('that could not be opened are asked for again', async () => {
    const { sessions, opened } = opening()
    await expect(Promise.all([sessions('bad'), sessions('bad')])).rejects.toThrow('refused')
    await expect(sessions('bad')).rejects.toThrow('refused')
    expect(opened).toEqual(['bad', 'bad'])
  })

  test('that were asked for last are kept when there are too many', async () => {
    const { sessions, opened } = opening()
    for (let index = 0; index < 500; index++) await sessions(`p${index}`)
    await sessions('p0')
    await sessions('one-more')
    expect(await sessions('p0')).toBe('p0#1')
    expect(await sessions('p1')).toBe('p1#502')
    expect(opened).toHaveLength(502)
  })
})

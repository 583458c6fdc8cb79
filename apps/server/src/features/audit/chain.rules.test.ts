import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../domain/canonical.ts'
import {
  type BatchLink,
  type EventColumns,
  GENESIS,
  headOf,
  isSigned,
  rootOf,
  signHead,
  strayColumn,
} from './chain.rules.ts'

const link: BatchLink = {
  tenantId: 'tenant',
  n: 1,
  kind: 'batch',
  previous: GENESIS,
  root: rootOf(['one', 'two']),
  count: 2,
  sealedAt: new Date(0),
}

describe('rootOf', () => {
  test('changes with any text, their order and where one ends and the next begins', () => {
    const roots = [['one', 'two'], ['two', 'one'], ['onet', 'wo'], ['one'], []].map((bodies) =>
      rootOf(bodies).toString('hex'),
    )
    expect(new Set(roots).size).toBe(roots.length)
  })
})

describe('headOf', () => {
  const changes: Partial<BatchLink>[] = [
    { tenantId: 'other' },
    { n: 2 },
    { kind: 'checkpoint' },
    { previous: Buffer.alloc(32, 1) },
    { root: rootOf(['one']) },
    { count: 3 },
    { sealedAt: new Date(1) },
  ]
  test.each(changes)('covers %o', (change) => {
    expect(headOf({ ...link, ...change }).equals(headOf(link))).toBe(false)
  })
})

describe('signHead', () => {
  const keys = () => {
    const pair = generateKeyPairSync('ed25519')
    return {
      secret: pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
      open: pair.publicKey.export({ format: 'der', type: 'spki' }),
    }
  }

  test('makes a signature that holds for this head and this key alone', () => {
    const [mine, another] = [keys(), keys()]
    const head = headOf(link)
    const signature = signHead(head, mine.secret)
    expect(isSigned(head, signature, mine.open)).toBe(true)
    expect(isSigned(head, signature, another.open)).toBe(false)
    expect(isSigned(headOf({ ...link, n: 2 }), signature, mine.open)).toBe(false)
  })
})

describe('strayColumn', () => {
  const columns: EventColumns = {
    id: 'event',
    tenant_id: 'tenant',
    at: new Date(0),
    action: 'assets.get',
    outcome: 'allowed',
    principal_kind: 'user',
    principal_id: 'member',
    subject: 'ast_1',
    request_id: 'req_1',
  }
  const body = canonical({
    id: 'event',
    tenant: 'tenant',
    at: new Date(0).toISOString(),
    action: 'assets.get',
    outcome: 'allowed',
    principal: { kind: 'user', id: 'member' },
    subject: 'ast_1',
    requestId: 'req_1',
  })

  test('finds nothing where the columns say what the text says', () => {
    expect(strayColumn(columns, body)).toBeUndefined()
  })

  test.each<[keyof EventColumns, unknown, string]>([
    ['id', 'x', 'id'],
    ['tenant_id', 'x', 'tenant'],
    ['at', new Date(1), 'at'],
    ['action', 'x', 'action'],
    ['outcome', 'refused', 'outcome'],
    ['principal_kind', 'apiKey', 'principalKind'],
    ['principal_id', null, 'principalId'],
    ['subject', null, 'subject'],
    ['request_id', 'x', 'requestId'],
  ])('names the column %s when it was changed to %s', (column, value, named) => {
    expect(strayColumn({ ...columns, [column]: value }, body)).toBe(named)
  })

  test('names the text when it is none', () => {
    expect(strayColumn(columns, '{')).toBe('body')
  })
})

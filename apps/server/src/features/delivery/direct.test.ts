import { expect, test } from 'vitest'
import { createMemoryStore } from '../../providers/stores/memory.ts'
import { presignerOf } from './direct.ts'

const inner = createMemoryStore()
const signing = { ...inner, capabilities: { ...inner.capabilities, presignedGet: true } }
const call = { tenantId: '00000000-0000-0000-0000-000000000001', requestId: 'req_1' }

test('a store that signs gives the bytes itself, unless we have encrypted them', () => {
  const stores = new Map([['tested', signing]])
  const placed = (encrypted: boolean) => ({ store_id: 'tested', encrypted }) as Parameters<typeof presignerOf>[2]
  expect(presignerOf(stores, call, placed(false))).toBeTypeOf('function')
  expect(presignerOf(stores, call, placed(true))).toBe('encrypted')
  expect(presignerOf(new Map([['tested', inner]]), call, placed(false))).toBe('store')
})

import { describeObjectStore } from './conformance.ts'
import { createMemoryStore } from './memory.ts'

describeObjectStore('memory', async () => {
  const store = createMemoryStore()
  return { store, close: () => store.close() }
})

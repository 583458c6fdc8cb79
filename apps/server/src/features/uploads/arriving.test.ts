import { afterAll, beforeAll, expect, test } from 'vitest'
import { newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { createTurns } from '../../domain/turns.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.stop())

test('only so many bodies are taken at once, and who sends slowly holds nobody up', async () => {
  const arriving = service.app.uploads.arriving
  service.app.uploads.arriving = createTurns(2)
  try {
    const { promise: more, resolve: goOn } = Promise.withResolvers<void>()
    const slow = Array.from({ length: 2 }, () => {
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(Buffer.from('begun '))
          await more
          controller.enqueue(newText(1000))
          controller.close()
        },
      })
      return service.call('/v1/assets?name=slow.txt', {
        method: 'POST',
        body,
        headers: { 'content-type': 'text/plain' },
      })
    })
    while (service.app.uploads.arriving.taken() < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    const quick = await Promise.all(Array.from({ length: 6 }, () => uploadText(service.call, newText(30_000))))
    expect(quick.map(({ status }) => status)).toEqual(Array(6).fill(201))
    goOn()
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([201, 201])
    expect(service.app.uploads.arriving.taken()).toBe(0)
  } finally {
    service.app.uploads.arriving = arriving
  }
})

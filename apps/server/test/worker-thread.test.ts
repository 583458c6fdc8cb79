import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { workInThread } from '../src/work-in-thread.ts'
import { poll } from './acceptance/poll.ts'
import { newDataFolder } from './data-folder.ts'
import { callerOf } from './service.ts'
import { greetingOf, spawnServer } from './spawn-server.ts'
import { startTestService } from './test-service.ts'

const KEY = 'worker-thread-platform-key-0123456789'
const WITHIN_MS = 40_000

test('a server has its thread work, tells its figures as its own, and ends with it', async () => {
  const data = await newDataFolder()
  const settings = { STOWAGE_DATA: data, STOWAGE_PORT: '0', STOWAGE_ADMIN_KEY: KEY, STOWAGE_LOG_LEVEL: 'silent' }
  const server = spawnServer(['serve'], settings)
  const ended = once(server, 'exit')
  try {
    const call = callerOf(await greetingOf(server), KEY)
    const { json: asset } = await call('/v1/assets?name=note.txt', {
      body: Buffer.from('Nobody has asked for these words.'),
      headers: { 'content-type': 'text/plain' },
    })
    await poll(async () => {
      const { json } = await call(`/v1/assets/${asset.id}/steps`)
      return json.items.some(({ name, state }: Record<string, string>) => name === 'extract' && state === 'done')
    }, WITHIN_MS)
    const figures = (await call('/metrics')).bytes.toString()
    expect(figures).toMatch(/^stowage_store_bytes_total\{store="database",verb="get"\} [1-9]/m)
  } finally {
    server.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    await rm(data, { recursive: true, force: true })
  }
})

test('a thread that cannot begin says why', async () => {
  const service = await startTestService()
  const nowhere = { ...service.foundation, owner: { ...service.foundation.owner, port: 9 } }
  const begin = workInThread(() => {})
  const beginning = begin(service.app, service.config, nowhere, pino({ level: 'silent' }))
  await expect(beginning).rejects.toThrow(/^connect /)
  await service.stop()
})

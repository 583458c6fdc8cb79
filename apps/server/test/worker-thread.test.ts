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

async function newSettings() {
  const data = await newDataFolder()
  return { STOWAGE_DATA: data, STOWAGE_PORT: '0', STOWAGE_ADMIN_KEY: KEY, STOWAGE_LOG_LEVEL: 'silent' }
}

test.each([
  ['has its thread work', {}],
  ['works by itself where only it has the files', { STOWAGE_STORE: 'memory' }],
])('a server %s, tells what was done, and ends', async (_, store) => {
  const settings = await newSettings()
  const server = spawnServer(['serve'], { ...settings, ...store })
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
    await rm(settings.STOWAGE_DATA, { recursive: true, force: true })
  }
})

test('a worker without a door says that it is at work, and ends', async () => {
  const settings = await newSettings()
  const worker = spawnServer(['work'], settings)
  const ended = once(worker, 'exit')
  expect(await greetingOf(worker)).toBe('')
  worker.kill('SIGTERM')
  expect((await ended)[0]).toBe(0)
  await rm(settings.STOWAGE_DATA, { recursive: true, force: true })
})

test('a thread that cannot begin says why', async () => {
  const service = await startTestService()
  const nowhere = { ...service.foundation, owner: { ...service.foundation.owner, port: 9 } }
  const begin = workInThread(() => {})
  const beginning = begin(service.app, service.config, nowhere, pino({ level: 'silent' }))
  await expect(beginning).rejects.toThrow(/^connect /)
  await service.stop()
})

import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newDataFolder } from './data-folder.ts'
import { spawnServer } from './spawn-server.ts'

let data: string
beforeEach(async () => {
  data = await newDataFolder()
})
afterEach(() => rm(data, { recursive: true, force: true }))

/** Starts the service, waits until its process has ended by itself, and tells how. */
async function serve(settings: Record<string, string>) {
  const own = { STOWAGE_DATA: data, STOWAGE_LOG_LEVEL: 'silent', STOWAGE_PORT: '0' }
  const child = spawnServer(['serve'], { ...own, ...settings })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text) => {
      said += text
    })
  const ended = once(child, 'exit')
  try {
    const [status] = await Promise.race([ended, late()])
    return { status, said }
  } finally {
    child.kill('SIGKILL')
  }
}

async function late(): Promise<[string]> {
  await new Promise((resolve) => setTimeout(resolve, 25_000).unref())
  return ['still running']
}

describe('a service that cannot start', () => {
  test('because its port is taken says so and ends', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { status, said } = await serve({ STOWAGE_HOST: '127.0.0.1', STOWAGE_PORT: String(port) })
    other.close()
    expect({ status, said }).toEqual({
      status: 1,
      said: `Port ${port} of 127.0.0.1 is taken by another program, perhaps by another Stowage. Set STOWAGE_PORT to another one.\n`,
    })
  })

  test('because its settings contradict each other says so and ends', async () => {
    const transcribing = { STOWAGE_TRANSCRIBE_URL: 'http://127.0.0.1:1', STOWAGE_TRANSCRIBE_COMMAND: 'listen' }
    const { status, said } = await serve(transcribing)
    expect(status).toBe(1)
    expect(said).toContain('STOWAGE_TRANSCRIBE_COMMAND')
  })
})

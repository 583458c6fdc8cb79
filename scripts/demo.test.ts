import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isThorough } from '../apps/server/test/effort.ts'

// With the real servers, because it reads and draws every example.
test.skipIf(!isThorough)(
  'the demo walks through the main job and every step of it holds',
  { timeout: 120_000 },
  async () => {
    const demo = spawn(process.execPath, [join(import.meta.dirname, '../examples/demo.ts')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said: Buffer[] = []
    for (const stream of [demo.stdout, demo.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
    const [exitCode] = await once(demo, 'exit')
    const text = Buffer.concat(said).toString()
    expect(exitCode, text).toBe(0)
    expect(text.match(/^\d+\. /gm)).toHaveLength(14)
    expect(text).toContain('All of it held.')
  },
)

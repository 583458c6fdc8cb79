/** A server that is killed: starts an endless loop in a child, and a program that starts another, and tells when. */
import { fileURLToPath } from 'node:url'
import { createSandbox } from './sandbox.ts'

const [parent = '', mark = ''] = process.argv.slice(2)
const limits = { wallSeconds: 300, cpuSeconds: 300, memoryBytes: 500 * 2 ** 20, outputBytes: 2 ** 20 }
const { signal } = new AbortController()

const sandbox = await createSandbox({ parent })
await sandbox.withFolder(async (folder) => {
  const options = { folder, limits, signal, take: async () => {} }
  const entry = fileURLToPath(new URL('./sandbox.fixture.ts', import.meta.url))
  const child = sandbox.run(entry, { deed: 'loop for ever' }, options)
  const program = sandbox.exec('sh', ['-c', `sleep ${mark} & wait`], options)
  setTimeout(() => process.stdout.write('working\n'), 1000)
  await Promise.all([child, program])
})

#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=4
// What V8 and glibc keep of memory that is not in use: see docs/decisions/0012-heap.md.
import { spawn } from 'node:child_process'
import module, { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

// Node runs TypeScript as it is from 22.18 on; an older host starts the one that the `node` package brings.
const [major, minor] = process.versions.node.split('.').map(Number)
const main = new URL('../src/main.ts', import.meta.url)

// The second start needs no TypeScript compiler, which takes 20 MB in each thread; threads read it from their environment.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url))

if (major > 22 || (major === 22 && minor >= 18)) {
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
  await import(main.href)
} else {
  const node = createRequire(import.meta.url).resolve('node/bin/node')
  const child = spawn(node, [...process.execArgv, fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' })
  // The terminal sends these to both; the child decides. Whoever stops a service knows this process alone.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}

import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../cli/test/server.ts'
import { servePage } from './page-server.ts'

const MIB = 1024 * 1024
const CHROMIUM = '/usr/bin/chromium-headless-shell'
const isAbsent = !existsSync(CHROMIUM) && process.env['STOWAGE_TEST_SERVICES'] !== 'all'

const imports = {
  '@stowage/client': '/packages/client/src/index.ts',
  '@stowage/contract': '/packages/contract/src/index.ts',
  zod: '/node_modules/zod/index.js',
}

const head = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`

function pageOf(key: string): string {
  return `${head}
<input type="file">
<script type="module">
  import { createClient } from '@stowage/client'
  const client = createClient({ url: location.origin, key: '${key}' })
  window.starts = []
  window.seen = []
  document.querySelector('input').onchange = ({ target }) => {
    client.upload(target.files[0], {
      assetType: 'backup_file',
      parallel: 1,
      onStart: (start) => starts.push(start),
      onProgress: ({ transferredBytes }) => seen.push(transferredBytes),
    }).then((asset) => { window.asset = asset }, (error) => { window.failure = String(error) })
  }
  window.ready = true
</script>`
}

describe.skipIf(isAbsent)('a page', () => {
  let server: RunningServer
  let browser: Browser
  let folder: string
  const bytes = randomBytes(40 * MIB)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stowage-page-'))
    await writeFile(join(folder, 'film.bin'), bytes)
    server = await startServer()
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
    browser = await chromium.launch({ executablePath: CHROMIUM, args })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    await rm(folder, { recursive: true })
  })

  async function choose(page: Page): Promise<void> {
    await page.waitForFunction('window.ready')
    await page.setInputFiles('input', join(folder, 'film.bin'))
  }

  test('that is reloaded in the middle of an upload sends only the rest of the same file', async () => {
    await using served = await servePage(server.url, pageOf(server.key))
    const page = await browser.newPage()
    let workers = 0
    page.on('worker', () => {
      workers++
    })
    served.held.add(4)
    await page.goto(served.url)
    await choose(page)
    await expect.poll(() => served.parts, { timeout: 20_000 }).toEqual([1, 2, 3, 4])
    served.held.clear()
    served.parts.length = 0
    const before = served.partBytes()
    await page.reload()
    await choose(page)
    await page.waitForFunction('window.asset || window.failure', undefined, { timeout: 25_000 })
    expect(await page.evaluate('window.failure')).toBeUndefined()
    expect(await page.evaluate('starts')).toEqual([{ road: 'parts', arrivedBytes: 24 * MIB }])
    expect(served.parts).toEqual([4, 5])
    expect(served.partBytes() - before).toBe(16 * MIB)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    expect(await page.evaluate('asset')).toMatchObject({ name: 'film.bin', sizeBytes: 40 * MIB, sha256 })
    const seen = (await page.evaluate('seen')) as number[]
    expect(seen[0]).toBe(24 * MIB)
    expect(seen.at(-1)).toBe(40 * MIB)
    expect(seen).toEqual([...seen].sort((one, other) => one - other))
    expect(await page.evaluate('Object.keys(localStorage)')).toEqual([])
    expect(workers).toBe(2)
    await page.close()
  })

  /** SHA-256 of `abc` by the page, where hashing in the page itself is told by another answer. */
  async function hashIn(policy: string): Promise<unknown> {
    await using served = await servePage(server.url, `${head}${policy}`)
    const page = await browser.newPage()
    await page.goto(served.url)
    const hashed = await page.evaluate(`import('/packages/client/src/hashing.ts').then(({ hashFile }) =>
      hashFile(new Blob(['abc']), () => ({ update() {}, digest: () => 'in the page' }), undefined))`)
    await page.close()
    return hashed
  }

  test('hashes in a worker, or itself where its policy allows no worker', async () => {
    expect(await hashIn('')).toBe(createHash('sha256').update('abc').digest('hex'))
    const policy = `<meta http-equiv="Content-Security-Policy" content="worker-src 'none'">`
    expect(await hashIn(policy)).toBe('in the page')
  })
})

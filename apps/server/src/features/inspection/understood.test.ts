import { gzipSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runEverything } from '../../../test/at-rest.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid as uuidOf } from '../../domain/id.ts'
import { withClient } from '../../platform/database/client.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ settings: { STOWAGE_EXTRACT: 'on' } })
})
afterAll(() => service?.stop())

async function understood(bytes: Buffer, name: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await service.call(`/v1/assets?name=${name}&assetType=export_file`, { body: bytes, headers })
  expect(status).toBe(201)
  await runEverything(service)
  return json.id
}

const read = async (id: string, what: string) => (await service.call(`/v1/assets/${id}/${what}`)).json

describe('what a file says', () => {
  test('is read as text, in any script', async () => {
    const words = '# Αναφορά\n\nΚαλημέρα κόσμε، مرحبا بالعالم، 你好，世界 🎉\n'
    const id = await understood(Buffer.from(words), 'notes.md')
    const text = await read(id, 'text')
    expect(text).toMatchObject({ state: 'ready', cutShort: null, nextCursor: null })
    expect(text.items.map((part: { text: string }) => part.text).join('')).toContain('你好，世界 🎉')
    expect((await read(id, 'metadata')).extracted.title).toBe('Αναφορά')
    expect(await read(id, 'steps')).toMatchObject({
      items: [
        { name: 'extract', state: 'done' },
        { name: 'classify', state: 'done' },
      ],
    })
  })

  test('is read part by part where it is long', async () => {
    const line = `${'word '.repeat(20)}\n`
    const id = await understood(Buffer.from(line.repeat(6000)), 'long.txt')
    const first = await read(id, 'text')
    expect(first.nextCursor).not.toBeNull()
    let [all, cursor] = [first.items, first.nextCursor]
    while (cursor !== null) {
      const next = await read(id, `text?cursor=${encodeURIComponent(cursor)}`)
      all = [...all, ...next.items]
      cursor = next.nextCursor
    }
    expect(all.map((part: { part: number }) => part.part)).toEqual(all.map((_: unknown, index: number) => index))
    expect(
      all
        .map((part: { text: string }) => part.text.trim())
        .join(' ')
        .split(/\s+/),
    ).toHaveLength(120_000)
  })

  test('is read row by row from a table, with the types of its columns', async () => {
    const rows = Array.from({ length: 500 }, (_, index) => `Name ${index},${index * 2},2026-01-02`)
    const id = await understood(Buffer.from(['name,amount,day', ...rows].join('\n')), 'table.csv')
    const page = await read(id, 'rows?first=400&limit=2')
    expect(page.sheets).toMatchObject([
      {
        rowCount: 501,
        columns: [
          { header: 'name', type: 'text' },
          { header: 'amount', type: 'number' },
          { header: 'day', type: 'date' },
        ],
      },
    ])
    expect(page.items).toMatchObject([
      { row: 400, cells: ['Name 399', 798, { date: '2026-01-02' }] },
      { row: 401, cells: ['Name 400', 800, { date: '2026-01-02' }] },
    ])
    expect((await service.call(`/v1/assets/${id}/rows?sheet=3`)).json.code).toBe('sheet.notFound')
  })

  test('is measured of an image, turned as it is to be looked at', async () => {
    const image = await sharp({ create: { width: 30, height: 20, channels: 3, background: '#123456' } })
      .withExif({ IFD0: { Make: 'Camera' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    const id = await understood(image, 'photo.jpg')
    const { extracted, more } = await read(id, 'metadata')
    expect(extracted).toMatchObject({ width: 20, height: 30, orientation: 6 })
    expect(more['exif.Make']).toBe('Camera')
  })

  test('gives way to what its sender says', async () => {
    const id = await understood(Buffer.from('# Found\n\ntext'), 'said.md')
    await service.call(`/v1/assets/${id}`, { method: 'PATCH', body: { metadata: { title: 'Said' } } })
    expect(await read(id, 'metadata')).toMatchObject({ extracted: { title: 'Found' }, effective: { title: 'Said' } })
  })

  test('says what kind of document it is, unless somebody has said so', async () => {
    const words =
      'Invoice No. 2026-114\nBill to: Example Ltd\nAmount due: EUR 1,200.00\nVAT 24 %: EUR 288.00\nPayment due within 30 days.'
    const id = await understood(Buffer.from(words), 'scan0001.txt')
    expect((await read(id, 'metadata')).category).toMatchObject({ name: 'financial', by: 'content' })
    await service.call(`/v1/assets/${id}`, { method: 'PATCH', body: { category: 'contract' } })
    expect((await read(id, 'metadata')).category).toMatchObject({ name: 'contract', by: 'person' })
  })

  test('is looked through for personal and payment data, which is told masked', async () => {
    const id = await understood(Buffer.from('Card 4111 1111 1111 1111, IBAN DE89370400440532013000'), 'payment.txt')
    const { items } = await read(id, 'findings')
    expect(items.map(({ kind }: { kind: string }) => kind)).toEqual(['paymentCard', 'iban'])
    expect(JSON.stringify(items)).not.toContain('1111 1111')
  })

  test('is nothing for a file that nobody reads, which is no failure', async () => {
    const id = await understood(gzipSync('packed'), 'packed.gz')
    expect(await read(id, 'text')).toMatchObject({ state: 'none', items: [] })
  })

  test('is kept as far as it could be read, with the reason', async () => {
    const nested = Buffer.from(`${'['.repeat(5000)}"deep"${']'.repeat(5000)}`)
    const id = await understood(nested, 'deep.json')
    const { state, cutShort } = await read(id, 'text')
    expect({ state, cutShort }).toEqual({ state: 'ready', cutShort: expect.stringMatching(/^limits: /) })
  })

  test('goes with the file, all of it', async () => {
    const id = await understood(Buffer.from('a,b\n1,2\n'), 'gone.csv')
    await service.call(`/v1/assets/${id}?purge=true`, { method: 'DELETE' })
    const left = await withClient(service.foundation.owner, async (owner) => {
      const tables = ['version_facts', 'version_text', 'version_sheet', 'version_rows', 'step']
      const texts = tables.map((table) => `select '${table}' as t from stowage.${table} where asset_id = any($1)`)
      return (await owner.query(texts.join(' union all '), [[uuidOf(id)]])).rows
    })
    expect(left).toEqual([])
  })
})

import { readFile } from 'node:fs/promises'
import { runJobs } from '../../src/doors/worker/run-jobs.ts'
import type { Cell } from '../../src/providers/extractors/port.ts'
import type { Service } from '../service.ts'
import type { ReadFile, ReadSheet } from './reading.ts'

/** Reads files by the whole pipeline and asks for what they say as callers do, page by page. */

const ROWS_A_PAGE = 100

type Asked = Pick<Service, 'app' | 'call'>

export async function readByService(service: Asked, path: string, name: string): Promise<ReadFile> {
  const id = await send(service, await readFile(path), name)
  const began = performance.now()
  await runJobs(service.app.worker)
  const seconds = (performance.now() - began) / 1000
  const ask = async (what: string) => (await service.call(`/v1/assets/${id}/${what}`)).json
  const { extracted, more, attachments, extractor, state, cutShort } = await ask('metadata')
  const [kind = '', message = ''] = (cutShort ?? '').split(/: (.*)/s)
  return {
    mediaType: (await service.call(`/v1/assets/${id}`)).json.mediaType,
    reader: state === 'ready' ? extractor.id : undefined,
    ...(await textOf(ask)),
    sheets: await sheetsOf(ask),
    facts: { ...extracted, more },
    attachments: attachments.map((each: { name: string }) => each.name),
    seconds,
    ...(cutShort && { error: { kind, message } }),
  }
}

async function send({ call }: Asked, body: Buffer, name: string): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream' }
  const { status, json } = await call(`/v1/assets?name=${encodeURIComponent(name)}&assetType=backup_file`, {
    body,
    headers,
  })
  if (status !== 201) throw new Error(`${name} was refused: ${JSON.stringify(json)}`)
  return json.id
}

// biome-ignore lint/suspicious/noExplicitAny: answers of several operations
type Ask = (what: string) => Promise<any>

async function textOf(ask: Ask): Promise<Pick<ReadFile, 'text' | 'pages'>> {
  const pages = new Map<number, string>()
  let text = ''
  let cursor: string | null = null
  do {
    const part = await ask(cursor === null ? 'text' : `text?cursor=${encodeURIComponent(cursor)}`)
    for (const { text: said, page, label } of part.items) {
      text += `${said}\n`
      if (page !== null && label === null) pages.set(page, `${pages.get(page) ?? ''}${said}\n`)
    }
    cursor = part.nextCursor
  } while (cursor !== null)
  return { text, pages }
}

async function sheetsOf(ask: Ask): Promise<ReadSheet[]> {
  const { sheets } = await ask('rows')
  const read: ReadSheet[] = []
  for (const { name, hidden, rowCount } of sheets as { name: string; hidden: boolean; rowCount: number }[]) {
    const rows: Cell[][] = []
    for (let first = 0; first < rowCount; first += ROWS_A_PAGE) {
      const { items } = await ask(`rows?sheet=${read.length}&first=${first}&limit=${ROWS_A_PAGE}`)
      for (const { row, cells } of items as { row: number; cells: Cell[] }[]) rows[row] = cells
    }
    read.push({ name, hidden, rows })
  }
  return read
}

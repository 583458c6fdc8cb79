import { copyFile, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agrees } from '../../src/domain/media-type.ts'
import { detectMediaType } from '../../src/features/inspection/detect.ts'
import { CHILD_LIMITS, LIMITS } from '../../src/features/inspection/extraction.ts'
import { createSandbox, RemoteError, type Sandbox } from '../../src/platform/sandbox/sandbox.ts'
import type { Cell, Facts, Piece } from '../../src/providers/extractors/port.ts'
import { readerOf } from '../../src/readers.ts'

/** Reads files as the pipeline does: by what their bytes are, in the sandbox's child. */

const CHILD = fileURLToPath(import.meta.resolve('../../src/extract-child.ts'))

export interface ReadSheet {
  name: string
  hidden: boolean
  rows: Cell[][]
}

export interface ReadFile {
  mediaType: string
  /** Undefined where nobody reads such files. */
  reader: string | undefined
  text: string
  /** The text that stands on each page itself, notes and the like left out. */
  pages: ReadonlyMap<number, string>
  sheets: readonly ReadSheet[]
  facts: Facts
  attachments: readonly string[]
  /** How the reading ended, if not well. */
  error?: { kind: string; message: string }
  seconds: number
}

export interface Reading {
  read(path: string, name: string): Promise<ReadFile>
  close(): Promise<void>
}

export async function openReading(): Promise<Reading> {
  const sandbox = await createSandbox()
  return { read: (path, name) => read(sandbox, path, name), close: () => sandbox.close() }
}

async function read(sandbox: Sandbox, path: string, name: string): Promise<ReadFile> {
  const bytes = await readFile(path)
  const { mediaType, charset, refused } = await typeOf(bytes, name)
  const reader = readerOf(mediaType)
  const heard = listen()
  const began = performance.now()
  let error: ReadFile['error'] = refused
  if (reader && !refused) {
    const source = { path: 'source', sizeBytes: bytes.length, mediaType, name, ...(charset && { charset }) }
    const grants = reader.grants && { grants: reader.grants }
    error = await sandbox.withFolder(async (folder) => {
      await copyFile(path, join(folder, 'source'))
      const options = {
        folder,
        limits: CHILD_LIMITS,
        signal: new AbortController().signal,
        take: heard.take,
        ...grants,
      }
      return sandbox.run(CHILD, { source, limits: LIMITS }, options).then(() => undefined, failureOf)
    })
  }
  const seconds = (performance.now() - began) / 1000
  return { mediaType, reader: reader?.id, ...heard.told(), seconds, ...(error && { error }) }
}

async function typeOf(bytes: Buffer, name: string) {
  const detected = await detectMediaType(bytes, { name, complete: true })
  const agreed = agrees(detected.mediaType, undefined, extname(name).slice(1) || undefined)
  const refused = agreed.ok ? undefined : { kind: 'refused', message: agreed.reason }
  return { mediaType: agreed.ok ? agreed.mediaType : detected.mediaType, charset: detected.encoding, refused }
}

function failureOf(error: unknown): { kind: string; message: string } {
  const { message } = error as Error
  if (error instanceof RemoteError) return { kind: String(error.fields['kind'] ?? error.name), message }
  return { kind: String((error as { kind?: string }).kind ?? 'unknown'), message }
}

function listen() {
  const pages = new Map<number, string>()
  const sheets: ReadSheet[] = []
  const attachments: string[] = []
  let text = ''
  let facts: Facts = {}
  return {
    async take(piece: Piece): Promise<void> {
      if (piece.kind === 'text') {
        // Parts end where lines or words end, but for those of one place that follow each other.
        text += piece.text
        if (!/\s$/.test(piece.text)) text += '\n'
        const { page, label } = piece.place
        if (page !== undefined && label === undefined) pages.set(page, `${pages.get(page) ?? ''}${piece.text}\n`)
      } else if (piece.kind === 'sheet') {
        sheets[piece.index] = { name: piece.name, hidden: piece.hidden ?? false, rows: [] }
      } else if (piece.kind === 'rows') {
        for (const [index, row] of piece.rows.entries()) sheets[piece.sheet]!.rows[piece.first + index] = row
      } else if (piece.kind === 'attachment') attachments.push(piece.name)
      else facts = { ...facts, ...piece.facts, more: { ...facts.more, ...piece.facts.more } }
    },
    told: () => ({ text, pages, sheets, facts, attachments }),
  }
}

import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { BOMBS } from '../../../apps/server/test/corpus/bombs.ts'
import type { CorpusFile } from '../../../apps/server/test/corpus/corpus-file.ts'
import type { Corpus } from '../../../apps/server/test/corpus/make.ts'
import { mutated } from '../../../apps/server/test/corpus/mutations.ts'
import { type Random, randomFrom } from '../../../apps/server/test/corpus/random.ts'
import type { Caller } from '../../../apps/server/test/service.ts'

/** Files that mean harm, one after the other, and what became of each. */

export interface HostileOptions {
  mutated: number
  /** Files that only programs outside of this service read, honest and broken in turns. */
  external: number
  seed: number
}

export interface HostileFile {
  name: string
  bytes: Buffer
}

export interface Sent {
  /** Assets that were made, by what was sent. */
  accepted: Map<string, string>
  /** Refusals by their problem's code. */
  refused: Record<string, number>
  /** Answers that are neither: with a status of 500 or more, or without a problem. */
  unanswered: string[]
}

const SENDERS = 4
/** What is mutated is small, as most files are: more of them are tried. */
const MOST_MUTATED_BYTES = 2 * 2 ** 20
/** Nobody here reads them without a program of somebody else's. */
const EXTERNAL = /^(?:ppt|heic|scan .*|mp3|mp4|mkv|webm|wav|ogg|mov)$/

export async function* hostileFiles(corpus: Corpus, options: HostileOptions): AsyncGenerator<HostileFile> {
  const random = randomFrom(options.seed)
  for (const { name, make } of BOMBS) yield { name: `bomb-${name}`, bytes: make() }
  const all = [...corpus.files, ...corpus.scans]
  yield* externalFiles(all, options.external, random)
  const small = await contentsOf(all, MOST_MUTATED_BYTES)
  for (let index = 0; index < options.mutated; index += 1) {
    const { name, bytes } = random.pick(small)
    yield { name: `mutated-${index}-${name}`, bytes: await mutated(bytes, random) }
  }
}

async function* externalFiles(all: readonly CorpusFile[], count: number, random: Random): AsyncGenerator<HostileFile> {
  const sources = await contentsOf(all.filter(({ format }) => EXTERNAL.test(format)))
  for (let index = 0; index < count && sources.length > 0; index += 1) {
    const { name, bytes } = sources[index % sources.length] as HostileFile
    const isHonest = Math.floor(index / sources.length) % 2 === 0
    yield { name: `external-${index}-${name}`, bytes: isHonest ? bytes : await mutated(bytes, random) }
  }
}

async function contentsOf(files: readonly CorpusFile[], mostBytes = Infinity): Promise<HostileFile[]> {
  const contents = await Promise.all(files.map(async ({ name, path }) => ({ name, bytes: await readFile(path) })))
  return contents.filter(({ bytes }) => bytes.length > 0 && bytes.length <= mostBytes)
}

/** Sends all of them, as a backup may be sent: of any type. */
export async function sendAll(call: Caller, files: AsyncGenerator<HostileFile>, until: number): Promise<Sent> {
  const sent: Sent = { accepted: new Map(), refused: {}, unanswered: [] }
  const sender = async () => {
    // One at a time is made, so that few are held at once.
    for (let next = await files.next(); !next.done && Date.now() < until; next = await files.next())
      await send(call, next.value, sent)
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  return sent
}

async function send(call: Caller, { name, bytes }: HostileFile, sent: Sent): Promise<void> {
  const ask = { body: bytes, headers: { 'content-type': 'application/octet-stream' } }
  // A name that promises another type than the bytes are would be refused before anything looks into them.
  const bare = name.slice(0, -extname(name).length || undefined)
  for (const tried of [name, bare]) {
    const path = `/v1/assets?name=${encodeURIComponent(tried)}&assetType=backup_file`
    const { status, json } = await call(path, ask)
    if (status === 201) {
      sent.accepted.set(name, json.id)
      return
    }
    if (status >= 500 || typeof json.code !== 'string') {
      sent.unanswered.push(`${name}: ${status} ${json.code ?? ''}`)
      return
    }
    if (tried === bare || json.code !== 'upload.typeMismatch') {
      sent.refused[json.code] = (sent.refused[json.code] ?? 0) + 1
      return
    }
  }
}

import { buffer } from 'node:stream/consumers'
import { fromBufferPromise } from 'yauzl'
import { makeZip } from '../../src/features/inspection/hostile-files.ts'
import type { Random } from './random.ts'

/** Ways to break a file that its reader may not have thought of. */

type Mutation = (bytes: Buffer, random: Random) => Buffer

/** What lengths, counts and offsets are wrong with. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const MOST_MOVED_BYTES = 4096

const MUTATIONS: readonly Mutation[] = [
  function flipped(bytes, random) {
    for (let count = 1 + random.below(20); count > 0; count -= 1)
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    return bytes
  },
  function noisy(bytes, random) {
    const from = random.below(bytes.length)
    for (let at = from; at < Math.min(bytes.length, from + random.below(200)); at += 1) bytes[at] = random.below(256)
    return bytes
  },
  function numbered(bytes, random) {
    for (let count = 1 + random.below(8); count > 0 && bytes.length >= 4; count -= 1) {
      const at = random.below(bytes.length - 3)
      const value = random.pick(NUMBERS)
      if (random.below(2) === 0) bytes.writeUInt32LE(value, at)
      else bytes.writeUInt32BE(value, at)
    }
    return bytes
  },
  function cut(bytes, random) {
    return bytes.subarray(0, 1 + random.below(bytes.length))
  },
  function beheaded(bytes, random) {
    const kept = 16 + random.below(256)
    return Buffer.concat([bytes.subarray(0, kept), bytes.subarray(kept + random.below(MOST_MOVED_BYTES))])
  },
  function repeated(bytes, random) {
    const piece = pieceOf(bytes, random)
    const at = random.below(bytes.length)
    const copies = Array.from({ length: 1 + random.below(50) }, () => piece)
    return Buffer.concat([bytes.subarray(0, at), ...copies, bytes.subarray(at)])
  },
  function moved(bytes, random) {
    pieceOf(bytes, random).copy(bytes, random.below(bytes.length))
    return bytes
  },
  function emptied(bytes, random) {
    const from = random.below(bytes.length)
    const to = Math.min(bytes.length, from + random.below(MOST_MOVED_BYTES))
    return bytes.fill(random.pick([0, 0xff, 0x20]), from, to)
  },
]

function pieceOf(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length)
  return Buffer.from(bytes.subarray(from, from + 1 + random.below(MOST_MOVED_BYTES)))
}

/** The file, broken; a package is as often broken in one of its parts and packed again, so that its reader comes to it. */
export async function mutated(bytes: Buffer, random: Random): Promise<Buffer> {
  const break_ = random.pick(MUTATIONS)
  if (!bytes.subarray(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1')) || random.below(3) === 0) {
    return break_(Buffer.from(bytes), random)
  }
  const entries = await entriesOf(bytes)
  const broken = random.below(entries.length)
  return makeZip(
    entries.map(({ name, data }, index) => ({
      name,
      data: index === broken && data.length > 0 ? break_(Buffer.from(data), random) : data,
      stored: name === 'mimetype',
    })),
  )
}

async function entriesOf(bytes: Buffer): Promise<{ name: string; data: Buffer }[]> {
  const zip = await fromBufferPromise(bytes)
  const entries: { name: string; data: Buffer }[] = []
  for await (const entry of zip.eachEntry()) {
    entries.push({ name: entry.fileName, data: await buffer(await zip.openReadStreamPromise(entry)) })
  }
  return entries
}

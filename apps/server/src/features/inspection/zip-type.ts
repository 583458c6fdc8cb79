import { inflateRawSync } from 'node:zlib'
import { blockReader, type RandomReader } from './random-reader.ts'
import { findDataStart, openZip, type ZipEntry } from './zip-directory.ts'

const maxNames = 10_000
const maxTypeBytes = 4096
const blockBytes = 64 * 1024
const openXml = 'application/vnd.openxmlformats-officedocument.'

/** The types that a family's folder says, without and with macros. */
const officeFolders = [
  ['word/', `${openXml}wordprocessingml.document`, 'application/vnd.ms-word.document.macroenabled.12'],
  ['xl/', `${openXml}spreadsheetml.sheet`, 'application/vnd.ms-excel.sheet.macroenabled.12'],
  ['ppt/', `${openXml}presentationml.presentation`, 'application/vnd.ms-powerpoint.presentation.macroenabled.12'],
] as const

/** Tells the members of the ZIP family apart by the names in an archive. */
export function findZipType(names: ReadonlySet<string>) {
  if (names.has('[Content_Types].xml')) {
    const all = [...names]
    const office = officeFolders.find(([folder]) => all.some((name) => name.startsWith(folder)))
    if (office) return all.some((name) => name.endsWith('/vbaProject.bin')) ? office[2] : office[1]
  }
  if (names.has('AndroidManifest.xml') && names.has('classes.dex')) return 'application/vnd.android.package-archive'
  if (names.has('META-INF/container.xml')) return 'application/epub+zip'
  if (names.has('META-INF/MANIFEST.MF')) return 'application/java-archive'
  return 'application/zip'
}

/** Reads what entry names it can out of the last bytes of an archive, where its directory lies. */
export function readTailNames(tail: Buffer) {
  const names = new Set<string>()
  for (
    let at = tail.indexOf('PK\x01\x02');
    at >= 0 && at + 46 <= tail.length;
    at = tail.indexOf('PK\x01\x02', at + 46)
  ) {
    names.add(tail.toString('utf8', at + 46, at + 46 + tail.readUInt16LE(at + 28)))
    if (names.size >= maxNames) break
  }
  return names
}

/**
 * Tells the members of the ZIP family apart by reading the central directory, for archives whose first bytes do not say.
 *
 * @returns `application/zip` for anything else, and for archives that cannot be read
 * @throws the reader's own error is not told apart from a damaged archive
 */
export async function detectZipType(source: RandomReader): Promise<string> {
  const reader = blockReader(source, blockBytes)
  const names = new Set<string>()
  try {
    const zip = await openZip(reader)
    for await (const entry of zip.entries()) {
      names.add(entry.name)
      if (entry.name === 'mimetype') return (await readMediaType(reader, entry)) ?? 'application/zip'
      if (names.size >= maxNames) break
    }
  } catch {
    return 'application/zip'
  }
  return findZipType(names)
}

/** OpenDocument and EPUB name their type in a member of its own (OpenDocument 1.3 part 2, 3.3). */
async function readMediaType(reader: RandomReader, entry: ZipEntry) {
  if (entry.encrypted || entry.compressedBytes > maxTypeBytes || ![0, 8].includes(entry.method)) return undefined
  const bytes = await reader.read(await findDataStart(reader, entry), entry.compressedBytes)
  const text = entry.method === 8 ? inflateRawSync(bytes, { maxOutputLength: maxTypeBytes }) : bytes
  const mediaType = text.toString('latin1').trim()
  return /^application\/(?:vnd\.oasis\.opendocument\.[\w-]+|epub\+zip)$/.test(mediaType) ? mediaType : undefined
}

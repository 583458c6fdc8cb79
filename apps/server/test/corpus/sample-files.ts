import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { CorpusFile } from './corpus-file.ts'
import { readByPoppler } from './pdf-files.ts'

/** PDF files that Debian's packages bring along, read a second time by Poppler: its words are those that are known. */

const FOLDERS = ['/usr/share/doc', '/usr/lib/libreoffice/share', '/usr/share/ghostscript']
const MOST = 12

export async function findSamples(): Promise<CorpusFile[]> {
  const found: CorpusFile[] = []
  for (const folder of FOLDERS) {
    const names = await readdir(folder, { recursive: true }).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.pdf')).slice(0, MOST)) {
      const path = join(folder, name)
      const text = (await readByPoppler(path)).join('\n')
      if (/\p{L}{3}/u.test(text))
        found.push({ name: basename(path), path, format: 'pdf sample', maker: 'Debian', text })
    }
  }
  return found
}

import { makeZip } from './test-zip.ts'

const RELATIONSHIPS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'

/** The relationships of a part: ids to types and targets. */
export function relationshipsXml(
  rows: Readonly<Record<string, readonly [type: string, target: string, mode?: string]>>,
) {
  const items = Object.entries(rows).map(
    ([id, [type, target, mode]]) =>
      `<Relationship Id="${id}" Type="${RELATIONSHIPS}/${type}" Target="${target}"${mode ? ` TargetMode="${mode}"` : ''}/>`,
  )
  return `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${items.join('')}</Relationships>`
}

export const CORE_XML =
  '<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>Ετήσια έκθεση</dc:title>' +
  '<dc:creator>Μαρία</dc:creator><dc:subject>Sales</dc:subject><cp:keywords>one, two; three</cp:keywords>' +
  '<dc:language>el-gr</dc:language><dcterms:created>2026-01-02T03:04:05Z</dcterms:created>' +
  '<dcterms:modified>2026-02-03T04:05:06Z</dcterms:modified><cp:lastModifiedBy>Ann</cp:lastModifiedBy></cp:coreProperties>'

export const APP_XML =
  '<Properties><Application>Microsoft Office Word</Application><AppVersion>16.0</AppVersion><Pages>7</Pages></Properties>'

/** Paragraphs of WordprocessingML. */
export function wordParagraphs(...texts: string[]): string {
  return texts.map((text) => `<w:p><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`).join('')
}

export function wordXml(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>${body}</w:body></w:document>`
}

/** The entries of a document of Word around its body. */
export function wordFiles(body: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    '[Content_Types].xml': '<Types/>',
    '_rels/.rels': relationshipsXml({
      rId1: ['officeDocument', 'word/document.xml'],
      rId2: ['metadata/core-properties', 'docProps/core.xml'],
      rId3: ['extended-properties', '/docProps/app.xml'],
    }),
    'docProps/core.xml': CORE_XML,
    'docProps/app.xml': APP_XML,
    'word/document.xml': wordXml(body),
    ...more,
  }
}

export function makeWord(body: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return makeZip(wordFiles(body, more))
}

/** A slide, notes or comments of PresentationML, from lines of text. */
export function slideXml(root: string, lines: readonly string[], more = ''): string {
  const paragraphs = lines.map((line) => `<a:p><a:pPr/><a:r><a:rPr/><a:t>${line}</a:t></a:r></a:p>`).join('')
  return `<p:${root} xmlns:p="p" xmlns:a="a"><p:cSld><p:spTree><p:sp><p:txBody>${paragraphs}</p:txBody></p:sp>${more}</p:spTree></p:cSld></p:${root}>`
}

/** The entries of a presentation whose slides stand in this order. */
export function slidesFiles(order: readonly string[], parts: Readonly<Record<string, string>>): Record<string, string> {
  const ids = order.map((_, index) => `<p:sldId id="${256 + index}" r:id="rId${index + 1}"/>`).join('')
  const rows = Object.fromEntries(
    order.map((slide, index) => [`rId${index + 1}`, ['slide', `slides/${slide}.xml`] as const]),
  )
  return {
    '_rels/.rels': relationshipsXml({ rId1: ['officeDocument', 'ppt/presentation.xml'] }),
    'docProps/core.xml': CORE_XML,
    'ppt/presentation.xml': `<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst>${ids}</p:sldIdLst></p:presentation>`,
    'ppt/_rels/presentation.xml.rels': relationshipsXml(rows),
    ...parts,
  }
}

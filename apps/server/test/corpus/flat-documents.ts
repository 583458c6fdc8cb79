import type { Cell } from '../../src/providers/extractors/port.ts'
import type { KnownSheet } from './corpus-file.ts'

/** Documents as flat OpenDocument files (ODF 1.3 part 3, 3.1.2), for LibreOffice to save in other formats. */

export interface FlatText {
  about: About
  /** Whole paragraphs, page by page. */
  pages: readonly (readonly string[])[]
  direction?: 'ltr' | 'rtl'
  extras?: Extras
}

/** What stands beside or within the text in its own way. */
export interface Extras {
  header: string
  footer: string
  footnote: string
  comment: string
  listed: readonly string[]
  table: readonly (readonly string[])[]
}

export interface About {
  title: string
  author: string
  subject: string
  keywords: readonly string[]
  /** A language and its country, as `el-GR`. */
  language: string
  /** ISO 8601 without a zone, which documents do not keep. */
  createdAt: string
}

export interface FlatSlide {
  title: string
  lines: readonly string[]
  notes: string
}

const NAMESPACES = [
  ['office', 'urn:oasis:names:tc:opendocument:xmlns:office:1.0'],
  ['style', 'urn:oasis:names:tc:opendocument:xmlns:style:1.0'],
  ['text', 'urn:oasis:names:tc:opendocument:xmlns:text:1.0'],
  ['table', 'urn:oasis:names:tc:opendocument:xmlns:table:1.0'],
  ['draw', 'urn:oasis:names:tc:opendocument:xmlns:drawing:1.0'],
  ['presentation', 'urn:oasis:names:tc:opendocument:xmlns:presentation:1.0'],
  ['number', 'urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0'],
  ['svg', 'urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0'],
  ['fo', 'urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0'],
  ['meta', 'urn:oasis:names:tc:opendocument:xmlns:meta:1.0'],
  ['dc', 'http://purl.org/dc/elements/1.1/'],
] as const

const FONT = 'DejaVu Sans'

function flat(kind: 'text' | 'spreadsheet' | 'presentation', about: About, parts: string): string {
  const namespaces = NAMESPACES.map(([prefix, uri]) => `xmlns:${prefix}="${uri}"`).join(' ')
  const mediaType = `application/vnd.oasis.opendocument.${kind}`
  return `<?xml version="1.0" encoding="UTF-8"?>
<office:document ${namespaces} office:version="1.3" office:mimetype="${mediaType}">
${metaOf(about)}
${parts}
</office:document>
`
}

function metaOf({ title, author, subject, keywords, language, createdAt }: About): string {
  return `<office:meta>
<dc:title>${escaped(title)}</dc:title><dc:subject>${escaped(subject)}</dc:subject>
${keywords.map((keyword) => `<meta:keyword>${escaped(keyword)}</meta:keyword>`).join('')}
<meta:initial-creator>${escaped(author)}</meta:initial-creator><dc:creator>${escaped(author)}</dc:creator>
<meta:creation-date>${createdAt}</meta:creation-date><dc:date>${createdAt}</dc:date>
<dc:language>${language}</dc:language>
</office:meta>`
}

export function flatText({ about, pages, direction = 'ltr', extras }: FlatText): string {
  const [language, country] = about.language.split('-')
  const locale = ['', '-asian', '-complex'].map((kind) => {
    const prefix = kind === '' ? 'fo' : 'style'
    return `${prefix}:language${kind}="${language}" ${prefix}:country${kind}="${country}" style:font-name${kind}="${FONT}"`
  })
  return flat(
    'text',
    about,
    `<office:font-face-decls><style:font-face style:name="${FONT}" svg:font-family="'${FONT}'"/></office:font-face-decls>
<office:styles>
<style:default-style style:family="paragraph">
<style:paragraph-properties style:writing-mode="${direction === 'rtl' ? 'rl-tb' : 'lr-tb'}"/>
<style:text-properties ${locale.join(' ')} fo:font-size="11pt"/>
</style:default-style>
<style:style style:name="Standard" style:family="paragraph"/>
<style:style style:name="Heading" style:family="paragraph" style:parent-style-name="Standard" style:default-outline-level="1"/>
</office:styles>
<office:automatic-styles>
<style:page-layout style:name="page"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm" fo:margin="2cm"/>
<style:header-style/><style:footer-style/></style:page-layout>
<style:style style:name="NewPage" style:family="paragraph" style:parent-style-name="Standard">
<style:paragraph-properties fo:break-before="page"/></style:style>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="page">
${extras ? `<style:header><text:p>${escaped(extras.header)}</text:p></style:header><style:footer><text:p>${escaped(extras.footer)}</text:p></style:footer>` : ''}
</style:master-page></office:master-styles>
<office:body><office:text>
<text:h text:style-name="Heading" text:outline-level="1">${escaped(about.title)}</text:h>
${pages.map((paragraphs, page) => pageText(paragraphs, page)).join('\n')}
${extras ? extrasText(extras) : ''}
</office:text></office:body>`,
  )
}

function pageText(paragraphs: readonly string[], page: number): string {
  return paragraphs
    .map((text, index) => {
      const style = page > 0 && index === 0 ? 'NewPage' : 'Standard'
      return `<text:p text:style-name="${style}">${escaped(text)}</text:p>`
    })
    .join('\n')
}

function extrasText({ footnote, comment, listed, table }: Extras): string {
  const items = listed.map((item) => `<text:list-item><text:p>${escaped(item)}</text:p></text:list-item>`)
  const cell = (text: string) =>
    `<table:table-cell office:value-type="string"><text:p>${escaped(text)}</text:p></table:table-cell>`
  const rows = table.map((row) => `<table:table-row>${row.map(cell).join('')}</table:table-row>`)
  return `<text:list>${items.join('')}</text:list>
<table:table table:name="Berths"><table:table-column table:number-columns-repeated="${table[0]?.length ?? 1}"/>${rows.join('')}</table:table>
<text:p><office:annotation><dc:creator>Reviewer</dc:creator><dc:date>2024-05-06T07:08:09</dc:date>
<text:p>${escaped(comment)}</text:p></office:annotation>End<text:note text:id="ftn1" text:note-class="footnote">
<text:note-citation>1</text:note-citation><text:note-body><text:p>${escaped(footnote)}</text:p></text:note-body></text:note></text:p>`
}

export function flatSheets(about: About, sheets: readonly KnownSheet[]): string {
  return flat(
    'spreadsheet',
    about,
    `<office:automatic-styles>
<number:date-style style:name="Day"><number:year number:style="long"/><number:text>-</number:text><number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/></number:date-style>
<number:date-style style:name="Moment"><number:year number:style="long"/><number:text>-</number:text><number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/><number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/><number:text>:</number:text><number:seconds number:style="long"/></number:date-style>
<style:style style:name="day" style:family="table-cell" style:data-style-name="Day"/>
<style:style style:name="moment" style:family="table-cell" style:data-style-name="Moment"/>
<style:style style:name="shown" style:family="table"><style:table-properties table:display="true"/></style:style>
<style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style>
</office:automatic-styles>
<office:body><office:spreadsheet>
${sheets.map(sheetText).join('\n')}
</office:spreadsheet></office:body>`,
  )
}

function sheetText({ name, rows, hidden }: KnownSheet): string {
  const columns = Math.max(1, ...rows.map((row) => row.length))
  return `<table:table table:name="${escaped(name)}" table:style-name="${hidden ? 'hidden' : 'shown'}">
<table:table-column table:number-columns-repeated="${columns}"/>
${rows.map((row) => `<table:table-row>${row.length > 0 ? row.map(cellText).join('') : '<table:table-cell/>'}</table:table-row>`).join('\n')}
</table:table>`
}

function cellText(cell: Cell): string {
  if (cell === null) return '<table:table-cell/>'
  if (typeof cell === 'string')
    return `<table:table-cell office:value-type="string">${cell
      .split('\n')
      .map((line) => `<text:p>${escaped(line)}</text:p>`)
      .join('')}</table:table-cell>`
  if (typeof cell === 'number')
    return `<table:table-cell office:value-type="float" office:value="${cell}"><text:p>${cell}</text:p></table:table-cell>`
  if (typeof cell === 'boolean')
    return `<table:table-cell office:value-type="boolean" office:boolean-value="${cell}"><text:p>${cell}</text:p></table:table-cell>`
  const style = cell.date.includes('T') ? 'moment' : 'day'
  return `<table:table-cell office:value-type="date" table:style-name="${style}" office:date-value="${cell.date}"><text:p>${cell.date}</text:p></table:table-cell>`
}

export function flatSlides(about: About, slides: readonly FlatSlide[]): string {
  return flat(
    'presentation',
    about,
    `<office:font-face-decls><style:font-face style:name="${FONT}" svg:font-family="'${FONT}'"/></office:font-face-decls>
<office:automatic-styles>
<style:page-layout style:name="screen"><style:page-layout-properties fo:page-width="28cm" fo:page-height="21cm" style:print-orientation="landscape"/></style:page-layout>
<style:style style:name="words" style:family="paragraph"><style:text-properties style:font-name="${FONT}" style:font-name-asian="${FONT}" style:font-name-complex="${FONT}" fo:font-size="18pt"/></style:style>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Default" style:page-layout-name="screen"/></office:master-styles>
<office:body><office:presentation>
${slides.map(slideText).join('\n')}
</office:presentation></office:body>`,
  )
}

function slideText({ title, lines, notes }: FlatSlide, index: number): string {
  const paragraph = (text: string) => `<text:p text:style-name="words">${escaped(text)}</text:p>`
  const frame = (kind: string, y: number, height: number, texts: readonly string[]) =>
    `<draw:frame presentation:class="${kind}" svg:x="1cm" svg:y="${y}cm" svg:width="26cm" svg:height="${height}cm"><draw:text-box>${texts.map(paragraph).join('')}</draw:text-box></draw:frame>`
  return `<draw:page draw:name="slide${index + 1}" draw:master-page-name="Default">
${frame('title', 1, 3, [title])}${frame('outline', 5, 14, lines)}
<presentation:notes>${frame('notes', 12, 8, [notes])}</presentation:notes>
</draw:page>`
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

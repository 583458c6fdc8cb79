import { utils, write } from '@e965/xlsx'
import type { Cell, Piece } from './port.ts'
import { makeZip } from './test-zip.ts'

type Change = (part: Buffer) => Buffer

const same: Change = (part) => part
const openXml = 'http://schemas.openxmlformats.org'
const relationshipType = `${openXml}/officeDocument/2006/relationships`
const packageType = `${openXml}/package/2006/relationships`

function makeParts(files: Record<string, string>, change: Change) {
  const parts = Object.entries(files).map(([name, text]) => [name, change(Buffer.from(text))] as const)
  return makeZip(Object.fromEntries(parts))
}

export interface MadeWorkbook {
  /** By name: the rows in XML, and what the workbook says of the sheet. */
  sheets: Record<string, { rows: string; state?: string }>
  strings?: string[]
  is1904?: boolean
}

/** Writes a workbook as Excel does (ECMA-376-1, chapter 18), from rows in XML. Formats 1 to 4: day, time, hours, price. */
export function makeXlsx({ sheets, strings = [], is1904 = false }: MadeWorkbook, change: Change = same): Buffer {
  const names = Object.keys(sheets)
  const relationship = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${relationshipType}/${type}" Target="${target}"/>`
  const listed = names.map((name, index) => {
    const state = sheets[name]?.state
    return `<sheet name="${name}" sheetId="${index + 1}" r:id="rId${index + 1}"${state ? ` state="${state}"` : ''}/>`
  })
  const files: Record<string, string> = {
    '[Content_Types].xml': `<Types xmlns="${openXml}/package/2006/content-types"/>`,
    '_rels/.rels': `<Relationships xmlns="${packageType}">${relationship('rId1', 'officeDocument', 'xl/workbook.xml')}
      <Relationship Id="rId2" Type="${packageType}/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`,
    'docProps/core.xml': `<cp:coreProperties xmlns:dc="dc" xmlns:cp="cp" xmlns:dcterms="d"><dc:title>Προϋπολογισμός</dc:title>
      <dc:creator>Ελένη</dc:creator><dcterms:created>2024-05-06T07:08:09Z</dcterms:created></cp:coreProperties>`,
    'xl/workbook.xml': `<workbook xmlns="main" xmlns:r="r"><workbookPr date1904="${is1904 ? 1 : 0}"/><sheets>${listed.join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${packageType}">
      ${names.map((_, index) => relationship(`rId${index + 1}`, 'worksheet', `worksheets/sheet${index + 1}.xml`)).join('')}
      ${relationship('rId90', 'sharedStrings', 'sharedStrings.xml')}${relationship('rId91', 'styles', 'styles.xml')}</Relationships>`,
    'xl/sharedStrings.xml': `<sst xmlns="main">${strings.map((text) => `<si>${text}</si>`).join('')}</sst>`,
    'xl/styles.xml': `<styleSheet xmlns="main"><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/>
      <numFmt numFmtId="165" formatCode="[h]:mm:ss"/><numFmt numFmtId="166" formatCode="#,##0.00&quot; days&quot;"/></numFmts>
      <cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/>
      <xf numFmtId="165"/><xf numFmtId="166"/></cellXfs></styleSheet>`,
  }
  for (const [index, name] of names.entries()) {
    const rows = sheets[name]?.rows
    files[`xl/worksheets/sheet${index + 1}.xml`] = `<worksheet xmlns="main"><sheetData>${rows}</sheetData></worksheet>`
  }
  return makeParts(files, change)
}

/** Writes a spreadsheet as LibreOffice does (ODF 1.3, part 3), from the XML of its tables. */
export function makeOds(tables: string, change: Change = same, manifest = '<manifest:manifest/>'): Buffer {
  const content = `<office:document-content><office:automatic-styles><style:style style:name="ta2" style:family="table">
    <style:table-properties table:display="false"/></style:style></office:automatic-styles>
    <office:body><office:spreadsheet>${tables}</office:spreadsheet></office:body></office:document-content>`
  const meta = `<office:document-meta><office:meta><dc:title>Ταμείο</dc:title><meta:initial-creator>李雷</meta:initial-creator>
    <meta:creation-date>2024-01-02T03:04:05</meta:creation-date><meta:generator>LibreOffice</meta:generator>
    </office:meta></office:document-meta>`
  const files = { mimetype: 'application/vnd.oasis.opendocument.spreadsheet', 'content.xml': content, 'meta.xml': meta }
  return makeParts({ ...files, 'META-INF/manifest.xml': manifest }, change)
}

/** Writes a workbook of Excel's old format. */
export function makeXls(sheets: Record<string, unknown[][]>, hidden: string[] = []): Buffer {
  const book = utils.book_new()
  for (const [name, rows] of Object.entries(sheets)) {
    utils.book_append_sheet(book, utils.aoa_to_sheet(rows, { cellDates: false }), name)
  }
  book.Workbook = { Sheets: book.SheetNames.map((name) => ({ Hidden: hidden.includes(name) ? 1 : 0 })) }
  return write(book, { type: 'buffer', bookType: 'biff8' })
}

/** The rows of a sheet from its first, also where blocks leave some out. */
export function rowsOf(pieces: readonly Piece[], sheet = 0): Cell[][] {
  const rows: Cell[][] = []
  for (const piece of pieces) {
    if (piece.kind !== 'rows' || piece.sheet !== sheet) continue
    while (rows.length < piece.first) rows.push([])
    rows.push(...piece.rows)
  }
  return rows
}

import { makeZip } from '../extractors/test-zip.ts'

const NAMESPACES =
  'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" ' +
  'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" ' +
  'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" ' +
  'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'

/**
 * A whole document that programs open, not only readers (OpenDocument 1.3, part 2 and 3).
 *
 * @param kind as its media type ends: `text`, `spreadsheet`, `presentation`
 */
export function makeOpenDocument(kind: string, body: string): Buffer {
  const mediaType = `application/vnd.oasis.opendocument.${kind}`
  const files = {
    mimetype: mediaType,
    'META-INF/manifest.xml': `<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="${mediaType}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>`,
    'content.xml': `<?xml version="1.0" encoding="UTF-8"?><office:document-content ${NAMESPACES} office:version="1.2"><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`,
  }
  return makeZip(files, { stored: ['mimetype'] })
}

export const paragraph = (text: string) => `<text:p>${text}</text:p>`

export function makeSheet(rows: readonly (readonly string[])[]): Buffer {
  const cell = (text: string) =>
    `<table:table-cell office:value-type="string"><text:p>${text}</text:p></table:table-cell>`
  const lines = rows.map((row) => `<table:table-row>${row.map(cell).join('')}</table:table-row>`)
  return makeOpenDocument('spreadsheet', `<table:table table:name="One">${lines.join('')}</table:table>`)
}

export function makeSlides(texts: readonly string[]): Buffer {
  const slides = texts.map(
    (text, index) =>
      `<draw:page draw:name="page${index + 1}"><draw:frame svg:x="2cm" svg:y="2cm" svg:width="20cm" svg:height="5cm"><draw:text-box><text:p>${text}</text:p></draw:text-box></draw:frame></draw:page>`,
  )
  return makeOpenDocument('presentation', slides.join(''))
}

/** A picture that lies elsewhere, and is only named. */
export function linkedPicture(address: string): string {
  return `<text:p><draw:frame text:anchor-type="as-char" svg:width="12cm" svg:height="6cm"><draw:image xlink:href="${address}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p>`
}

const OPEN_XML = 'http://schemas.openxmlformats.org'

/** A document of Word with pictures that lie elsewhere (ECMA-376, part 1, 20.1.8.13: `r:link`). */
export function makeWordWithLinks(text: string, addresses: readonly string[]): Buffer {
  const pictures = addresses.map(
    (_, index) =>
      `<w:p><w:r><w:drawing><wp:inline><wp:extent cx="4000000" cy="2000000"/><wp:docPr id="${index + 1}" name="p"/><a:graphic><a:graphicData uri="${OPEN_XML}/drawingml/2006/picture"><pic:pic><pic:nvPicPr><pic:cNvPr id="0" name="p"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:link="link${index}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="4000000" cy="2000000"/></a:xfrm><a:prstGeom prst="rect"/></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>`,
  )
  const links = addresses.map(
    (address, index) =>
      `<Relationship Id="link${index}" Type="${OPEN_XML}/officeDocument/2006/relationships/image" Target="${address}" TargetMode="External"/>`,
  )
  const relationships = (items: string) =>
    `<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="${OPEN_XML}/package/2006/relationships">${items}</Relationships>`
  return makeZip({
    '[Content_Types].xml': `<?xml version="1.0" encoding="UTF-8"?><Types xmlns="${OPEN_XML}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
    '_rels/.rels': relationships(
      `<Relationship Id="rId1" Type="${OPEN_XML}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>`,
    ),
    'word/_rels/document.xml.rels': relationships(links.join('')),
    'word/document.xml': `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="${OPEN_XML}/wordprocessingml/2006/main" xmlns:r="${OPEN_XML}/officeDocument/2006/relationships" xmlns:wp="${OPEN_XML}/drawingml/2006/wordprocessingDrawing" xmlns:a="${OPEN_XML}/drawingml/2006/main" xmlns:pic="${OPEN_XML}/drawingml/2006/picture"><w:body><w:p><w:r><w:t>${text}</w:t></w:r></w:p>${pictures.join('')}</w:body></w:document>`,
  })
}

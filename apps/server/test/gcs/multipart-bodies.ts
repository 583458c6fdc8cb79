import { GcsRefusal } from './state.ts'

export interface BodyPart {
  headers: Record<string, string>
  bytes: Buffer
}

/** The parts of a MIME multipart body (RFC 2046 section 5.1). */
export function multipartBody(contentType: string | undefined, body: Buffer): BodyPart[] {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '')
  if (!boundary) throw new GcsRefusal(400, 'badContent', 'No boundary in the content type.')
  const mark = Buffer.from(`--${boundary[1] ?? boundary[2]}`)
  const parts: BodyPart[] = []
  let at = body.indexOf(mark)
  while (at >= 0) {
    const start = at + mark.length
    if (body.subarray(start, start + 2).toString() === '--') return parts
    const next = body.indexOf(Buffer.concat([Buffer.from('\r\n'), mark]), start)
    if (next < 0) break
    parts.push(partOf(body.subarray(start + 2, next)))
    at = next + 2
  }
  throw new GcsRefusal(400, 'badContent', 'The multipart body does not end.')
}

function partOf(part: Buffer): BodyPart {
  const end = part.indexOf('\r\n\r\n')
  if (end < 0) throw new GcsRefusal(400, 'badContent', 'A part has no headers.')
  const lines = part.subarray(0, end).toString().split('\r\n').filter(Boolean)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { headers: Object.fromEntries(headers), bytes: part.subarray(end + 4) }
}

/** The fields and the file of a form (RFC 7578); what follows the file is ignored. */
export function formOf(contentType: string | undefined, body: Buffer): { fields: Map<string, string>; file?: Buffer } {
  const fields = new Map<string, string>()
  for (const { headers, bytes } of multipartBody(contentType, body)) {
    const name = /\bname="([^"]*)"/.exec(headers['content-disposition'] ?? '')?.[1] ?? ''
    if (name === 'file') return { fields, file: bytes }
    fields.set(name.toLowerCase(), bytes.toString())
  }
  return { fields }
}

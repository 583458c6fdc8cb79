import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BoundLimits, type ImageFacts, Refused } from './bound-limits.ts'
import type { RandomReader } from './random-reader.ts'

const maxSubsetLength = 65_536
const turnEveryTags = 20_000

/** What a drawing without a size of its own is drawn at (CSS 2.2, 10.3.2). */
const defaultSize = { width: 300, height: 150 }
const pixelsPerUnit: Record<string, number> = {
  px: 1,
  pt: 4 / 3,
  pc: 16,
  mm: 96 / 25.4,
  cm: 96 / 2.54,
  in: 96,
  q: 96 / 101.6,
}

/**
 * Bounds an SVG as text: its bytes, how deep its elements lie in one another, entities that refer to entities or to
 * other files, and the pixels its root claims.
 *
 * @throws Refused `imageTooManyPixels` | `imageMalformed`
 * @throws SourceFailure when the reader fails or its signal aborts
 */
export async function checkSvg(reader: RandomReader, limits: BoundLimits): Promise<ImageFacts> {
  const { maxSvgBytes, maxPixels } = limits
  if (reader.sizeBytes > maxSvgBytes) {
    throw new Refused('imageMalformed', `The drawing has more than ${maxSvgBytes} bytes`, { limit: maxSvgBytes })
  }
  const text = decode(await reader.read(0, reader.sizeBytes))
  refuseEntities(text)
  const root = await scanElements(text, limits.maxSvgDepth)
  const { width, height } = readSize(root)
  if (width * height > maxPixels) {
    const members = { limit: maxPixels, pixels: Math.round(width * height) }
    throw new Refused('imageTooManyPixels', `More than ${maxPixels} pixels in the drawing`, members)
  }
  return { kind: 'image', width, height, frames: 1, totalPixels: Math.round(width * height) }
}

function decode(bytes: Buffer) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  return new TextDecoder('utf-8').decode(bytes)
}

/** Plain entities stay allowed: drawing programs declare their namespaces with them. */
function refuseEntities(text: string) {
  const start = text.indexOf('<!DOCTYPE')
  if (start < 0) return
  const end = findMarkupEnd(text, start)
  const subset = text.slice(text.indexOf('[', start), end < 0 ? text.length : end)
  if (!subset.includes('<!ENTITY')) return
  if (subset.length > maxSubsetLength || /&[^#\s]|<!ENTITY\s+%|<!ENTITY\s+\S+\s+(?:SYSTEM|PUBLIC)\b/.test(subset)) {
    throw new Refused('imageMalformed', 'The drawing declares entities that grow or refer to other files')
  }
}

/** Walks the tags once and answers the root's attributes. */
async function scanElements(text: string, maxDepth: number) {
  let depth = 0
  let root: string | undefined
  let tags = 0
  for (let at = text.indexOf('<'); at >= 0; ) {
    tags += 1
    if (tags % turnEveryTags === 0) await nextTurn()
    const end = findMarkupEnd(text, at)
    if (end < 0) break
    const next = text[at + 1]
    if (next === '/') {
      depth -= 1
    } else if (next !== '!' && next !== '?') {
      root ??= text.slice(at, Math.min(end, at + 65_536))
      if (text[end - 2] !== '/') depth += 1
      if (depth > maxDepth) {
        const members = { limit: maxDepth }
        throw new Refused('imageMalformed', `The drawing's elements lie more than ${maxDepth} deep`, members)
      }
    }
    at = text.indexOf('<', end)
  }
  if (root === undefined) throw new Refused('imageMalformed', 'The drawing has no element')
  return root
}

const longMarkup = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const

/** Where the markup that begins at `at` ends, past its closing sign; -1 when it never does. */
function findMarkupEnd(text: string, at: number) {
  for (const [open, close] of longMarkup) {
    if (!text.startsWith(open, at)) continue
    const end = text.indexOf(close, at + open.length)
    return end < 0 ? -1 : end + close.length
  }
  const isDeclaration = text[at + 1] === '!'
  let brackets = 0
  for (let index = at + 1; index < text.length; index++) {
    const sign = text[index]
    if (sign === '"' || sign === "'") {
      index = text.indexOf(sign, index + 1)
      if (index < 0) return -1
    } else if (isDeclaration && sign === '[') brackets += 1
    else if (isDeclaration && sign === ']') brackets -= 1
    else if (sign === '>' && brackets <= 0) return index + 1
  }
  return -1
}

function readSize(root: string) {
  const viewBox = /\sviewBox\s*=\s*["']\s*[-+.\deE]+[\s,]+[-+.\deE]+[\s,]+([.\deE+]+)[\s,]+([.\deE+]+)/.exec(root)
  return {
    width: readLength(root, 'width') ?? toSize(viewBox?.[1]) ?? defaultSize.width,
    height: readLength(root, 'height') ?? toSize(viewBox?.[2]) ?? defaultSize.height,
  }
}

function readLength(root: string, attribute: 'width' | 'height') {
  const found = new RegExp(`\\s${attribute}\\s*=\\s*["']\\s*([.\\deE+]+)\\s*([a-zA-Z]*)\\s*["']`).exec(root)
  const size = toSize(found?.[1])
  const unit = pixelsPerUnit[found?.[2]?.toLowerCase() || 'px']
  return size === undefined || unit === undefined ? undefined : size * unit
}

function toSize(value: string | undefined) {
  const size = Number(value)
  return value !== undefined && Number.isFinite(size) && size > 0 ? size : undefined
}

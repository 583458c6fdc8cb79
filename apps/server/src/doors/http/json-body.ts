import { Problem } from '../../domain/problem.ts'

const MAX_DEPTH = 32
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING = new Set([0x5b, 0x7b])
const CLOSING = new Set([0x5d, 0x7d])

/**
 * Reads JSON of bounded depth: it is measured before anything is built.
 *
 * @throws Problem `request.tooDeep` | `request.malformed`
 */
export function parseJson(bytes: Buffer): unknown {
  if (depthOf(bytes) > MAX_DEPTH) throw new Problem('request.tooDeep', { limit: MAX_DEPTH })
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), refusePrototype)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('request.malformed', {
      reason: error instanceof SyntaxError ? error.message : 'the body is not UTF-8',
    })
  }
}

function refusePrototype(this: unknown, name: string, value: unknown): unknown {
  if (name === '__proto__') throw new Problem('request.malformed', { reason: 'a member is named __proto__' })
  return value
}

function depthOf(bytes: Buffer): number {
  let depth = 0
  let deepest = 0
  let inText = false
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number
    if (inText) {
      if (byte === BACKSLASH) index++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (OPENING.has(byte)) deepest = Math.max(deepest, ++depth)
    else if (CLOSING.has(byte)) depth--
  }
  return deepest
}

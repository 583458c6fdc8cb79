/** Follows JSON text as it comes, without building or recursing into it. */
export interface JsonNesting {
  /** Where in this stretch more than `depth` arrays and objects lie within each other, or one ends that never began. */
  take(text: string): { at: number; why: 'depth' | 'unopened' } | undefined
  /** True when nothing is open. */
  isWhole(): boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

export function followJson(depth: number): JsonNesting {
  let open = 0
  let inString = false
  let escaped = false
  return {
    isWhole: () => open === 0 && !inString,
    take(text) {
      for (let at = 0; at < text.length; at += 1) {
        const sign = text.charCodeAt(at)
        if (escaped) escaped = false
        else if (inString) {
          if (sign === BACKSLASH) escaped = true
          else if (sign === QUOTE) inString = false
        } else if (sign === QUOTE) inString = true
        else if (sign === 0x7b || sign === 0x5b) {
          open += 1
          if (open > depth) return { at, why: 'depth' }
        } else if (sign === 0x7d || sign === 0x5d) {
          open -= 1
          if (open < 0) return { at, why: 'unopened' }
        }
      }
      return undefined
    },
  }
}

/** What a document in Rich Text Format is made of, in its order. */
export interface RtfListener {
  openGroup(): void
  closeGroup(): void
  /** A control word, such as `\par` or `\u-3913`. */
  word(name: string, value: number | undefined): void
  /** A control symbol, such as `\~`. */
  symbol(sign: string): void
  /** A byte of text written as `\'hh`. */
  escapedByte(byte: number): void
  /** Bytes of text as they lie. */
  bytes(bytes: Buffer): void
}

export interface RtfTokenizer {
  write(slice: Buffer): void
  /** True when the group of the document has ended; what follows is none of it. */
  isDone(): boolean
}

const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const CR = 0x0d
const LF = 0x0a
const APOSTROPHE = 0x27
const MINUS = 0x2d
const SPACE = 0x20
const MAX_WORD = 32
const MAX_DIGITS = 10

interface State {
  step: Step
  groups: number
  done: boolean
  name: string
  digits: string
  hex: string
  /** Raw bytes that `\bin` announced. */
  raw: number
}

/** Reads from an offset and tells up to where. */
type Step = (state: State, slice: Buffer, at: number, listener: RtfListener) => number

/** Cuts the format into its tokens across slices (RTF 1.9.1, "RTF Syntax"). */
export function createRtfTokenizer(listener: RtfListener): RtfTokenizer {
  const state: State = { step: readText, groups: 0, done: false, name: '', digits: '', hex: '', raw: 0 }
  return {
    isDone: () => state.done,
    write(slice) {
      let at = 0
      while (at < slice.length && !state.done) at = state.step(state, slice, at, listener)
    },
  }
}

const readText: Step = (state, slice, at, listener) => {
  const byte = slice[at]!
  if (byte === BACKSLASH) state.step = readControl
  else if (byte === OPEN) {
    state.groups += 1
    listener.openGroup()
  } else if (byte === CLOSE) {
    state.groups -= 1
    listener.closeGroup()
    state.done = state.groups <= 0
  } else if (byte !== CR && byte !== LF) {
    const end = findRunEnd(slice, at)
    listener.bytes(slice.subarray(at, end))
    return end
  }
  return at + 1
}

function findRunEnd(slice: Buffer, start: number) {
  let at = start
  while (at < slice.length && !isSign(slice[at]!)) at += 1
  return at
}

function isSign(byte: number) {
  return byte === BACKSLASH || byte === OPEN || byte === CLOSE || byte === CR || byte === LF
}

const readControl: Step = (state, slice, at, listener) => {
  const byte = slice[at]!
  if (isLetter(byte)) {
    state.name = ''
    state.digits = ''
    state.step = readWord
    return at
  }
  if (byte === APOSTROPHE) {
    state.hex = ''
    state.step = readHex
    return at + 1
  }
  state.step = readText
  listener.symbol(String.fromCharCode(byte))
  return at + 1
}

const readWord: Step = (state, slice, at, listener) => {
  const byte = slice[at]!
  if (isLetter(byte) && state.name.length < MAX_WORD) {
    state.name += String.fromCharCode(byte)
    return at + 1
  }
  state.step = readNumber
  if (byte !== MINUS) return readNumber(state, slice, at, listener)
  state.digits = '-'
  return at + 1
}

const readNumber: Step = (state, slice, at, listener) => {
  const byte = slice[at]!
  if (byte >= 0x30 && byte <= 0x39 && state.digits.length < MAX_DIGITS) {
    state.digits += String.fromCharCode(byte)
    return at + 1
  }
  const value = /\d/.test(state.digits) ? Number(state.digits) : undefined
  state.step = readText
  if (state.name === 'bin') {
    state.raw = Math.max(0, value ?? 0)
    state.step = skipRaw
  } else listener.word(state.name, value)
  // The blank that ends a control word is part of it.
  return byte === SPACE ? at + 1 : at
}

const readHex: Step = (state, slice, at, listener) => {
  state.hex += String.fromCharCode(slice[at]!)
  if (state.hex.length < 2) return at + 1
  state.step = readText
  if (/^[\da-f]{2}$/i.test(state.hex)) listener.escapedByte(Number.parseInt(state.hex, 16))
  return at + 1
}

const skipRaw: Step = (state, slice, at) => {
  const skipped = Math.min(state.raw, slice.length - at)
  state.raw -= skipped
  if (state.raw === 0) state.step = readText
  return at + skipped
}

function isLetter(byte: number) {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a)
}

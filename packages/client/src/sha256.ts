/** A hash that takes its bytes piece by piece. That of `createHash('sha256')` in Node is one. */
export interface IncrementalHash {
  update(bytes: Uint8Array): unknown
  digest(encoding: 'hex'): string
}

/** SHA-256 piece by piece, which Web Cryptography does not offer (FIPS 180-4). */
export function createSha256(): IncrementalHash {
  return hashWith(compress)
}

/** The same as the text of an expression, for a worker, which can import nothing where no bundler has prepared it. */
export const createSha256Text = `() => (${hashWith})(${compress})`

type Compress = (state: Int32Array, words: Int32Array, constants: Int32Array, bytes: Uint8Array, from: number) => void

/** Padding and blocks (sections 5.1.1 and 5.2.1). It refers to nothing outside itself. */
function hashWith(compress: Compress): IncrementalHash {
  const constants = new Int32Array(64)
  const state = new Int32Array(8)
  const words = new Int32Array(64)
  const block = new Uint8Array(64)
  let filled = 0
  let lengthBytes = 0

  // The first 32 bits of the fractions of the cube and square roots of the first primes (sections 4.2.2 and 5.3.3).
  for (let candidate = 2, found = 0; found < 64; candidate++) {
    let prime = true
    for (let factor = 2; factor * factor <= candidate; factor++) prime &&= candidate % factor !== 0
    if (!prime) continue
    constants[found] = (Math.cbrt(candidate) % 1) * 0x1_0000_0000
    if (found < 8) state[found] = (Math.sqrt(candidate) % 1) * 0x1_0000_0000
    found++
  }

  const update = (bytes: Uint8Array) => {
    lengthBytes += bytes.length
    let from = 0
    if (filled > 0) {
      from = Math.min(64 - filled, bytes.length)
      block.set(bytes.subarray(0, from), filled)
      filled += from
      if (filled < 64) return
      compress(state, words, constants, block, 0)
    }
    for (; from + 64 <= bytes.length; from += 64) compress(state, words, constants, bytes, from)
    block.set(bytes.subarray(from))
    filled = bytes.length - from
  }

  const digest = () => {
    // A one, then zeros up to a length that leaves eight bytes for the count of bits.
    const padding = new DataView(new ArrayBuffer(((119 - filled) % 64) + 9))
    padding.setUint8(0, 0x80)
    padding.setBigUint64(padding.byteLength - 8, BigInt(lengthBytes) * 8n)
    update(new Uint8Array(padding.buffer))
    return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  return { update, digest }
}

/** One block of 64 bytes (section 6.2.2). It refers to nothing outside itself, and makes nothing that is to be collected. */
function compress(state: Int32Array, words: Int32Array, constants: Int32Array, bytes: Uint8Array, from: number): void {
  for (let t = 0, at = from; t < 16; t++, at += 4) {
    words[t] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }
  for (let t = 16; t < 64; t++) {
    const x = words[t - 15]!
    const y = words[t - 2]!
    const small0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const small1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[t] = (((small1 + words[t - 7]!) | 0) + ((small0 + words[t - 16]!) | 0)) | 0
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let t = 0; t < 64; t++) {
    const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const chosen = ((e & f) ^ (~e & g)) | 0
    const first = (((h + big1) | 0) + ((((chosen + constants[t]!) | 0) + words[t]!) | 0)) | 0
    const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}

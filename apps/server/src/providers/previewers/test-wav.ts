export interface MadeWav {
  /** Of each channel, -1 to 1, by the time as a share of the whole. */
  channels: readonly ((time: number) => number)[]
  frames: number
  kind?: 'integer' | 'float'
  bits?: 8 | 16 | 24 | 32 | 64
  /** Names its kind by a long name (mmreg.h: WAVE_FORMAT_EXTENSIBLE). */
  extensible?: boolean
  /** What the chunk of samples says of its length. */
  saysBytes?: number
  /** Any other kind of samples, by its number. */
  kindNumber?: number
}

/** Writes a WAV file (Multimedia Programming Interface 1.0, chapter 3) with a chunk of notes before its samples. */
export function makeWav({ channels, frames, kind = 'integer', bits = 16, extensible, saysBytes, kindNumber }: MadeWav) {
  const frameBytes = (channels.length * bits) / 8
  const number = kindNumber ?? (kind === 'float' ? 3 : 1)
  const format = Buffer.alloc(extensible ? 40 : 16)
  format.writeUInt16LE(extensible ? 0xfffe : number, 0)
  format.writeUInt16LE(channels.length, 2)
  format.writeUInt32LE(8000, 4)
  format.writeUInt32LE(8000 * frameBytes, 8)
  format.writeUInt16LE(frameBytes, 12)
  format.writeUInt16LE(bits, 14)
  if (extensible) format.writeUInt16LE(number, 24)
  const samples = Buffer.alloc(frames * frameBytes)
  for (let frame = 0; frame < frames; frame += 1) {
    for (const [channel, wave] of channels.entries()) {
      write(samples, frame * frameBytes + (channel * bits) / 8, wave(frame / frames), kind, bits)
    }
  }
  const chunks = [chunk('fmt ', format), chunk('LIST', Buffer.from('INFOodd')), chunk('data', samples, saysBytes)]
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]))
}

function write(samples: Buffer, at: number, value: number, kind: string, bits: number): void {
  if (kind === 'float') {
    if (bits === 64) samples.writeDoubleLE(value, at)
    else samples.writeFloatLE(value, at)
  } else if (bits === 8) samples.writeUInt8(Math.round(value * 127) + 128, at)
  else samples.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), at, bits / 8)
}

function chunk(name: string, bytes: Buffer, saysBytes = bytes.length) {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(saysBytes, 4)
  return Buffer.concat([head, bytes, Buffer.alloc(bytes.length % 2)])
}

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { crc32, deflateRawSync } from 'node:zlib'

/** A ZIP archive (APPNOTE 4.3.6) with one member of zeros, a thousandth of their size. */
export function zipOfZeros(mebibytes: number): Buffer {
  const data = Buffer.alloc(mebibytes * 1024 ** 2)
  const packed = deflateRawSync(data)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(8, 4)
  common.writeUInt32LE(crc32(data), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(data.length, 18)
  common.writeUInt16LE(1, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from('0'), packed])
  const madeBy = Buffer.from([20, 3])
  const central = Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, common, Buffer.alloc(14), Buffer.from('0')])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

/** A PNG of few bytes that claims a size (PNG section 11.2.2). */
export function pngOf(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(16)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}

/** A connection on which a request was begun, its body still to come. */
export async function begin(url: string, head: string[]): Promise<Socket> {
  const { hostname, port, host } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port || 80) }).on('error', () => {})
  await once(socket, 'connect')
  socket.write(`${[...head, `Host: ${host}`].join('\r\n')}\r\n\r\n`)
  return socket
}

/** What the server answers until it closes the connection. */
export async function answerOn(socket: Socket): Promise<{ status: number; body: string }> {
  const answer = await text(socket)
  return { status: Number(answer.split(' ')[1]), body: answer.split('\r\n\r\n').slice(1).join('\r\n\r\n') }
}

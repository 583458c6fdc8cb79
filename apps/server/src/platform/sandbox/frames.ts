import { deserialize, serialize } from 'node:v8'

/**
 * Messages on a pipe: the length in four bytes, then the message as a structured clone.
 *
 * Not Node's own IPC: twelve wrong bytes of a child that was taken over make it throw where nobody can catch it, which
 * ends the server, and it holds a message of any length.
 */
const HEADER_BYTES = 4

export function frame(message: unknown): Buffer {
  const body = serialize(message)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(body.byteLength)
  return Buffer.concat([header, body])
}

/**
 * Finds the messages in what comes through the pipe.
 *
 * @returns takes the next bytes; throws at a message that is too long or none at all, and is of no use then
 */
export function createReader(
  maxBytes: number,
  hear: (message: unknown, sizeBytes: number) => void,
): (bytes: Buffer) => void {
  let held: Buffer[] = []
  let heldBytes = 0
  let bodyBytes: number | undefined
  const take = (sizeBytes: number): Buffer => {
    const all = Buffer.concat(held)
    held = [all.subarray(sizeBytes)]
    heldBytes -= sizeBytes
    return all.subarray(0, sizeBytes)
  }
  return (bytes) => {
    held.push(bytes)
    heldBytes += bytes.byteLength
    while (heldBytes >= (bodyBytes ?? HEADER_BYTES)) {
      if (bodyBytes === undefined) {
        bodyBytes = take(HEADER_BYTES).readUInt32LE()
        if (bodyBytes > maxBytes) throw new Error(`A message of ${bodyBytes} bytes is too long.`)
      } else {
        const sizeBytes = bodyBytes
        bodyBytes = undefined
        hear(deserialize(take(sizeBytes)), HEADER_BYTES + sizeBytes)
      }
    }
  }
}

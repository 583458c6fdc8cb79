import { bodyUnreadable } from './error.ts'
import { counted, type OnProgress } from './progress.ts'

/** A stretch of a file. */
export interface Piece {
  readonly size: number
  /** Begins to read it, anew each time. Fails with a `NotReadableError` when the file has changed meanwhile. */
  stream(): ReadableStream<Uint8Array>
}

/** What can be read again from any place: a Blob or File is one, and a file on disk behind a few lines. */
export interface FileSource extends Piece {
  readonly name?: string
  /** Media type; empty where it is not known. */
  readonly type?: string
  /** Milliseconds since 1970. With name and size it tells a file from an earlier state of it. */
  readonly lastModified?: number
  slice(start: number, end: number): Piece
}

/** A stream can be read only once. */
export type UploadBody = Blob | FileSource | Uint8Array | string | ReadableStream<Uint8Array>

/** Bytes in memory become a file of their own; streams stay what they are. */
export function sourceOf(body: UploadBody): FileSource | ReadableStream<Uint8Array> {
  if (typeof body === 'string' || body instanceof Uint8Array) return new Blob([body as Uint8Array<ArrayBuffer>])
  return body
}

export function isStream(source: FileSource | ReadableStream<Uint8Array>): source is ReadableStream<Uint8Array> {
  return source instanceof ReadableStream
}

/** @throws StowageError `client.bodyUnreadable` */
export async function readPiece(piece: Piece): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await new Response(piece.stream() as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())
  } catch (cause) {
    throw bodyUnreadable(cause)
  }
}

/** A stream for one request, counted where somebody wants to know. */
export function countedPiece(piece: Piece, onProgress: OnProgress | undefined): ReadableStream<Uint8Array> {
  return onProgress ? counted(piece.stream(), piece.size, onProgress) : piece.stream()
}

/** What a stream began with, and the whole of it where it ended there. */
export type Opening = { whole: Blob } | { stream: ReadableStream<Uint8Array> }

/** Reads up to `mostBytes` of a stream: one that ends there is as good as a file, since it can be sent again. */
export async function openStream(stream: ReadableStream<Uint8Array>, mostBytes: number): Promise<Opening> {
  const reader = stream.getReader()
  const head: Uint8Array<ArrayBuffer>[] = []
  for (let heldBytes = 0; heldBytes <= mostBytes; ) {
    const { done, value } = await reader.read()
    if (done) return { whole: new Blob(head) }
    head.push(value as Uint8Array<ArrayBuffer>)
    heldBytes += value.byteLength
  }
  return {
    stream: new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const held = head.shift()
          if (held) return controller.enqueue(held)
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    ),
  }
}

export interface Progress {
  /** Bytes handed to the network, or taken from it. */
  transferredBytes: number
  /** Undefined for a stream whose end is not known. */
  totalBytes: number | undefined
}
export type OnProgress = (progress: Progress) => void

/** Bytes in memory come in one piece; smaller ones let their way be followed. */
const STEP_BYTES = 64 * 1024

/** The same bytes, counted as they are taken. */
export function counted(
  stream: ReadableStream<Uint8Array>,
  totalBytes: number | undefined,
  onProgress: OnProgress,
  startBytes = 0,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  let transferredBytes = startBytes
  let piece = new Uint8Array(0)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (piece.byteLength === 0) {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          piece = new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
        }
        controller.enqueue(piece.subarray(0, STEP_BYTES))
        transferredBytes += Math.min(STEP_BYTES, piece.byteLength)
        piece = piece.subarray(STEP_BYTES)
        onProgress({ transferredBytes, totalBytes })
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/**
 * Gives the memory of a buffer back at once, after which it is empty. Left to the collector, buffers that waited for a
 * disk pile up in V8's old space, and it marks the whole heap to be rid of them (docs/decisions/0012-heap.md).
 *
 * Only for whoever made the buffer, or was given it for good, and only once no call that reads or fills it is under way.
 * A buffer that is part of a larger piece of memory is left alone.
 */
export function release(bytes: Buffer): void {
  const memory = bytes.buffer as ArrayBuffer
  if (bytes.length > 0 && bytes.length === memory.byteLength) memory.transfer(0)
}

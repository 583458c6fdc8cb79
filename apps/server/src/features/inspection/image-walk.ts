import type { RandomReader } from './random-reader.ts'

/** Takes one frame or page, in pixels. */
export type FrameSink = (width: number, height: number) => void

/**
 * Reads headers only and reports every frame or page it finds.
 *
 * @throws Error when the headers cannot be read
 */
export type ImageWalk = (reader: RandomReader, frame: FrameSink) => Promise<void>

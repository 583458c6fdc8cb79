/**
 * A transcriber writes down what is said in a recording, and when.
 *
 * Glossary: the **engine** is what listens, a service or a program; a **segment** is some words that were said in one
 * go; a **tool** is a program of the machine, run where hostile files are opened.
 *
 * A transcriber trusts neither the file nor what its engine says of it: it MUST have the file decoded by a tool or by
 * the engine alone, and MUST bound what it holds of an answer, how long it waits for one, and how much text it gives.
 */
export interface Transcriber {
  /** Who listens, for the record. */
  readonly engine: string

  /**
   * Has a recording listened to. Nobody speaking is no error: it has no segments then.
   *
   * MUST give segments in the order in which they are said, none of them empty, in well-formed text; MUST give the times
   * of the whole recording, whatever pieces its engine was given; MUST leave out the times that it is not told. MUST stop
   * when `signal` aborts, and throw its reason.
   *
   * @throws TranscriptionError, or what `runTool` throws beside ToolError
   */
  transcribe(source: Source, options: TranscribeOptions): Promise<Transcript>
}

export interface Source {
  /** A plain file that nobody changes meanwhile, in a folder that is the transcriber's to write to. */
  path: string
  sizeBytes: number
  /** As it was found by looking at the bytes. */
  mediaType: string
  /** As its sender called it. It is nobody else's business, and no engine is told. */
  name: string
  /** Where it was measured. */
  durationMs?: number
}

export interface TranscribeOptions {
  /** BCP 47, where it is known; otherwise the engine finds out. */
  language?: string
  runTool: RunTool
  signal: AbortSignal
}

export interface Transcript {
  segments: Segment[]
  /** BCP 47, where the engine tells it. */
  language?: string
  /** Why not everything was listened to. */
  cutShort?: string
}

export interface Segment {
  /** From the beginning of the recording. */
  fromMs?: number
  toMs?: number
  text: string
}

/**
 * Runs a tool to its end in a folder, without network, and gives what it printed.
 *
 * @param program a name to be found by PATH, or a path
 * @throws ToolError
 */
export type RunTool = (program: string, args: readonly string[], options: ToolOptions) => Promise<Buffer>

export interface ToolOptions {
  folder: string
  limits: ToolLimits
  signal: AbortSignal
}

export interface ToolLimits {
  wallSeconds: number
  /** Of all its processes together. */
  cpuSeconds: number
  memoryBytes: number
  /** Of what it prints, and of each file that it writes. */
  outputBytes: number
}

export type ToolErrorKind =
  /** There is no such program. */
  | 'missing'
  | 'limits'
  /** It ended with an error. */
  | 'failed'

export class ToolError extends Error {
  readonly kind: ToolErrorKind

  constructor(kind: ToolErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ToolError'
    this.kind = kind
  }
}

export type TranscriptionErrorKind =
  /** The engine is away, has too much to do or is not set up as it must be: the file is not to blame. */
  | 'unavailable'
  /** No recording, or none that this engine takes. */
  | 'refused'
  /** Too large, or not done in the time that there is. */
  | 'limits'
  /** The engine works for others, and broke off at this file or said what is not understood. */
  | 'failed'

export class TranscriptionError extends Error {
  readonly kind: TranscriptionErrorKind

  constructor(kind: TranscriptionErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TranscriptionError'
    this.kind = kind
  }
}

export type SandboxErrorKind =
  | 'timeout'
  | 'cpu'
  | 'memory'
  | 'output'
  /** It started more processes than any honest program. */
  | 'processes'
  /** It ended by itself where it should have gone on, or broke the protocol. */
  | 'crashed'
  /** The caller called it off, or the sandbox was closed. */
  | 'aborted'
  /** The machine could not start a process: no fault of the file, and worth another try. */
  | 'unavailable'
  /** An external program ended with the status `exitCode`; 127 when there is no such program. */
  | 'failed'

export class SandboxError extends Error {
  readonly kind: SandboxErrorKind
  readonly exitCode: number | undefined

  constructor(kind: SandboxErrorKind, message: string, options?: ErrorOptions & { exitCode?: number }) {
    super(message, options)
    this.name = 'SandboxError'
    this.kind = kind
    this.exitCode = options?.exitCode
  }
}

export type Fields = Readonly<Record<string, string | number | boolean | null>>

/** What a module of ours threw in its child: the words are of the module, and may quote the hostile file. */
export class RemoteError extends Error {
  /** The error's own enumerable fields that are plain values, as `kind` of an ExtractionError. */
  readonly fields: Fields

  constructor(name: string, message: string, fields: Fields) {
    super(message)
    this.name = name
    this.fields = fields
  }
}

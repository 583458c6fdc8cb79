/**
 * A scanner says whether bytes are known to be harmful.
 *
 * Glossary: a **scan** is one file on its way through the scanner; a **verdict** is what it says of the whole file; the
 * **signatures** are what it knows, by a name that changes whenever they do.
 */
export interface Scanner {
  /** The name of what it knows now. @throws ScanError, also where it does not answer as a scanner should, or not soon */
  signatures(signal: AbortSignal): Promise<string>

  /**
   * Makes sure that it tells us of what it does not look into, for a scanner may be set to call that clean.
   *
   * @throws ScanError that says what to set
   */
  check(signal: AbortSignal): Promise<void>

  /**
   * Begins a scan, as soon as one of the scanner's places is free.
   *
   * @param signal gives up, also while waiting for a place
   * @throws ScanError
   */
  open(signal: AbortSignal): Promise<Scan>

  /** Places that are taken now, and how many there are. */
  load(): { taken: number; places: number }

  close(): void
}

export interface Scan {
  /** Sends the next bytes. Resolves when more may be sent; MUST be awaited. @throws ScanError */
  write(bytes: Buffer): Promise<void>
  /**
   * Every byte was sent. MUST answer `clean` only where the scanner said so of every byte that was sent, never for want
   * of an answer.
   *
   * @throws ScanError
   */
  verdict(): Promise<Verdict>
  /** Gives the place back. Does nothing after `verdict`. */
  cancel(): void
}

export type Verdict =
  | { status: 'clean' }
  | { status: 'infected'; finding: string }
  /** It could not look inside: more bytes than it takes, a password, or something that passes its own limits. */
  | { status: 'not_scanned'; reason: 'tooLarge' | 'encrypted' | 'limits' }

/** No verdict: the scanner is away, overloaded, broke off or said something that is not understood. Try again later. */
export class ScanError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ScanError'
  }
}

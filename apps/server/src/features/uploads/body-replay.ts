/** Pieces of a body, as they come. */
export interface Pieces {
  next(): Promise<{ done?: boolean | undefined; value?: Buffer | undefined }>
}

/** A body that may be read again from its start, for as long as not too much of it has been taken. */
export interface Replay {
  open(): { head: Buffer; rest: AsyncIterator<Buffer> }
  /** Whether the next `open` still begins at the start. */
  whole(): boolean
}

/**
 * Keeps what was taken of a body, so that a second store can be given what the first one lost (R13). Past `limitBytes`
 * nothing is kept, and memory stays flat.
 */
export function replayable(source: { head: Buffer; rest: Pieces }, limitBytes: number): Replay {
  let kept: Buffer[] = []
  let keptBytes = source.head.length
  let dropped = 0
  let ended = false
  let advancing: Promise<void> | undefined
  const advance = () => {
    // One at a time, also when a reader that was given up still waits for a piece: it is not lost with that reader.
    advancing ??= source.rest.next().then(
      ({ done, value }) => {
        advancing = undefined
        if (done || value === undefined) ended = true
        else {
          kept.push(value)
          keptBytes += value.length
        }
      },
      (error) => {
        advancing = undefined
        throw error
      },
    )
    return advancing
  }
  const forget = (upTo: number) => {
    if (keptBytes <= limitBytes) return
    kept = kept.slice(upTo - dropped)
    dropped = upTo
  }
  const reader = (): AsyncIterator<Buffer> => {
    let at = 0
    return {
      async next() {
        while (at - dropped >= kept.length && !ended) await advance()
        const value = kept[at - dropped]
        if (value === undefined) return { done: true, value: undefined }
        at += 1
        forget(at)
        return { done: false, value }
      },
    }
  }
  return { open: () => ({ head: source.head, rest: reader() }), whole: () => dropped === 0 }
}

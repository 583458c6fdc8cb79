import type { OnProgress } from '@stowage/client'
import { SingleBar } from 'cli-progress'
import { printable } from './printable.ts'
import { showSize } from './quantities.ts'
import type { Terminal } from './terminal.ts'

const WIDTH = 30

/** Shows on stderr how far the work has come while it runs; nothing where stderr is not a terminal. */
export async function withProgress<T>(
  terminal: Terminal,
  label: string,
  totalBytes: number | undefined,
  work: (onProgress: OnProgress | undefined) => Promise<T>,
): Promise<T> {
  if (!terminal.stderr.isTTY) return work(undefined)
  const started = Date.now()
  const bar = new SingleBar({
    stream: terminal.stderr,
    clearOnComplete: true,
    format: (_options, { value }) => progressLine(printable(label), value, totalBytes, (Date.now() - started) / 1000),
  })
  bar.start(totalBytes ?? 0, 0)
  try {
    return await work(({ transferredBytes }) => bar.update(transferredBytes))
  } finally {
    bar.stop()
  }
}

export function progressLine(
  label: string,
  transferredBytes: number,
  totalBytes: number | undefined,
  seconds: number,
): string {
  const rate = seconds > 0 ? `${showSize(transferredBytes / seconds)}/s` : ''
  if (!totalBytes) return `${label}  ${showSize(transferredBytes)}  ${rate}`
  const share = Math.min(1, transferredBytes / totalBytes)
  const bar = '='.repeat(Math.round(share * WIDTH)).padEnd(WIDTH)
  return `${label} [${bar}] ${Math.floor(share * 100)}%  ${showSize(transferredBytes)} of ${showSize(totalBytes)}  ${rate}`
}

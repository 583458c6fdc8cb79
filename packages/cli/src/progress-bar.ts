import type { OnProgress } from '@stowage/client'
import { SingleBar } from 'cli-progress'
import { printable } from './printable.ts'
import { showDuration, showSize } from './quantities.ts'
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
  let startBytes: number | undefined
  const bar = new SingleBar({
    stream: terminal.stderr,
    clearOnComplete: true,
    format: (_options, { value }) => {
      const movedBytes = value - (startBytes ?? 0)
      return progressLine(printable(label), value, totalBytes, { movedBytes, seconds: (Date.now() - started) / 1000 })
    },
  })
  bar.start(totalBytes ?? 0, 0)
  try {
    return await work(({ transferredBytes }) => {
      startBytes ??= transferredBytes
      bar.update(transferredBytes)
    })
  } finally {
    bar.stop()
  }
}

/** @param pace what was moved by this run, in which time: an earlier one may have brought the rest */
export function progressLine(
  label: string,
  transferredBytes: number,
  totalBytes: number | undefined,
  { movedBytes, seconds }: { movedBytes: number; seconds: number },
): string {
  const bytesPerSecond = seconds > 0 ? movedBytes / seconds : 0
  const rate = bytesPerSecond > 0 ? `${showSize(bytesPerSecond)}/s` : ''
  if (!totalBytes) return `${label}  ${showSize(transferredBytes)}  ${rate}`
  const share = Math.min(1, transferredBytes / totalBytes)
  const bar = '='.repeat(Math.round(share * WIDTH)).padEnd(WIDTH)
  return `${label} [${bar}] ${Math.floor(share * 100)}%  ${showSize(transferredBytes)} of ${showSize(totalBytes)}  ${rate}${timeLeft(totalBytes - transferredBytes, bytesPerSecond)}`
}

function timeLeft(leftBytes: number, bytesPerSecond: number): string {
  return leftBytes > 0 && bytesPerSecond > 0 ? `  ${showDuration(leftBytes / bytesPerSecond)} left` : ''
}

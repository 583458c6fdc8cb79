import { createInterface } from 'node:readline/promises'
import { type Readable, Writable } from 'node:stream'
import { UsageError } from './failure.ts'
import { printable } from './printable.ts'

/** Where a run of the program reads and writes. */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean }
  stderr: Writable & { isTTY?: boolean }
  env: Readonly<Record<string, string | undefined>>
  /** What relative paths are relative to. */
  folder: string
}

export function say(terminal: Terminal, text: string): void {
  terminal.stdout.write(`${text}\n`)
}

/** For people alone: what a program reads from stdout stays free of it. */
export function remark(terminal: Terminal, text: string): void {
  terminal.stderr.write(`${printable(text)}\n`)
}

/** @throws UsageError when there is nobody to ask */
export async function ask(
  terminal: Terminal,
  question: string,
  { hidden = false, instead }: { hidden?: boolean; instead: string },
): Promise<string> {
  if (!terminal.stdin.isTTY) throw new UsageError(`There is no terminal to ask on: give ${instead}.`)
  terminal.stderr.write(question)
  const silent = new Writable({ write: (_piece, _encoding, done) => done() })
  const lines = createInterface({
    input: terminal.stdin,
    output: hidden ? silent : terminal.stderr,
    terminal: hidden,
  })
  try {
    return (await lines.question('')).trim()
  } finally {
    lines.close()
    if (hidden) terminal.stderr.write('\n')
  }
}

export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const answer = await ask(terminal, `${question} [y/N] `, { instead: '--yes' })
  return /^y(es)?$/i.test(answer)
}

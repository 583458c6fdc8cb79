import type { Client } from '@stowage/client'
import type { Command } from 'commander'
import { connect, findLogin, type Login } from './session.ts'
import { say, type Terminal } from './terminal.ts'

/** One run of the program. */
export interface Run {
  terminal: Terminal
  exitCode: number
}

/** What a command works with. */
export interface Work {
  terminal: Terminal
  login: Login
  client: Client
  /** The answer is for a program: JSON, and nothing else on stdout. */
  json: boolean
}

/** @returns the exit code, if it is another than 0 */
export type Action = (
  work: Work,
  args: readonly (string | undefined)[],
  options: Record<string, unknown>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a command that just ends has done its work
) => Promise<number | void>

/**
 * Adds a command that speaks to a server.
 *
 * @param usage name and arguments, as in `get <id> [file]`
 */
export function leaf(run: Run, parent: Command, usage: string, summary: string, action: Action): Command {
  const command = parent
    .command(usage)
    .description(summary)
    .option('--json', 'print JSON, for programs')
    .option('--organization <id>', 'id or slug of the organization to work in, for a platform key')
  return command.action(async () => {
    const { organization, json, ...options } = command.opts()
    const found = await findLogin(run.terminal)
    const login = organization === undefined ? found : { ...found, organization }
    const work = { terminal: run.terminal, login, client: connect(login, run.terminal), json: json === true }
    run.exitCode = (await action(work, command.processedArgs, options)) ?? run.exitCode
  })
}

/** Prints an answer as JSON when that was asked for, else as people read it. */
export function answer(work: Work, value: unknown, show: () => string): void {
  say(work.terminal, work.json ? JSON.stringify(value, null, 2) : show())
}

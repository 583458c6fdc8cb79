import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAudit } from './commands/audit.ts'
import { addGet } from './commands/get.ts'
import { addLogin } from './commands/login.ts'
import { addPut } from './commands/put.ts'
import { addRm } from './commands/rm.ts'
import { addRowCommands } from './commands/rows.ts'
import { addVersions } from './commands/versions.ts'
import { explain } from './failure.ts'
import type { Run } from './leaf.ts'
import { remark, type Terminal } from './terminal.ts'

/** Runs one command line. @returns its exit code */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const state: Run = { terminal, exitCode: 0 }
  try {
    await buildProgram(state).parseAsync([...args], { from: 'user' })
    return state.exitCode
  } catch (error) {
    const { text, exitCode } = explain(error)
    if (text !== undefined) remark(terminal, text)
    return exitCode
  }
}

function buildProgram(state: Run): Command {
  const { stdout, stderr } = state.terminal
  const program = new Command('stowage')
    .description('Files in Stowage, from the command line')
    .version(ownVersion())
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
  addLogin(state, program)
  addPut(state, program)
  addGet(state, program)
  addRowCommands(state, program)
  addRm(state, program)
  addVersions(state, program)
  addAudit(state, program)
  return program
}

function ownVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

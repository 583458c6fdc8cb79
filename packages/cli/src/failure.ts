import { StowageError } from '@stowage/client'
import { CommanderError } from 'commander'

/** What the program leaves behind: 0 done, 1 refused, 2 used wrongly, 3 not reachable. */
export const exitCodes = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const

/** The command line cannot be meant as it is. */
export class UsageError extends Error {}

/** The work could not be done, for a reason found on this side. */
export class LocalError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.refused) {
    super(message)
    this.exitCode = exitCode
  }
}

/** What to tell the user of an error, and the exit code it ends with. No text where the parser has spoken already. */
export function explain(error: unknown): { text: string | undefined; exitCode: number } {
  if (error instanceof CommanderError) {
    return { text: undefined, exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage }
  }
  if (error instanceof UsageError) return { text: error.message, exitCode: exitCodes.usage }
  if (error instanceof LocalError) return { text: error.message, exitCode: error.exitCode }
  if (error instanceof StowageError) return { text: refusalText(error), exitCode: exitCodeOf(error) }
  if (isSystemError(error)) return { text: error.message, exitCode: exitCodes.refused }
  throw error
}

function exitCodeOf(error: StowageError): number {
  const noService = error.code === 'client.unreachable' || error.code === 'client.unexpectedAnswer'
  return noService ? exitCodes.unreachable : exitCodes.refused
}

function refusalText(error: StowageError): string {
  const lines = [`${error.title} (${error.code})`, error.detail]
  for (const [member, value] of Object.entries(error.members)) {
    if (member === 'errors' && Array.isArray(value)) lines.push(...value.map(fieldError))
    else lines.push(`  ${member}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
  }
  if (error.requestId !== undefined) lines.push(`Request ${error.requestId}`)
  return lines.join('\n')
}

function fieldError({ field, reason }: { field: string; reason: string }): string {
  return `  ${field}: ${reason}`
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

import { findProgram } from '../src/platform/sandbox/programs.ts'

/** Real servers that some tests speak to, by the variable that holds their address; started by scripts/services. */
const VARIABLES = {
  s3: 'STOWAGE_TEST_S3',
  azure: 'STOWAGE_TEST_AZURE',
  clamd: 'STOWAGE_TEST_CLAMD',
} as const

/**
 * Where a real server is, or undefined where it was not started: those tests are left out then. With
 * `STOWAGE_TEST_SERVICES=all`, as in CI, its absence is a failure instead.
 */
export function addressOf(service: keyof typeof VARIABLES): string | undefined {
  const address = process.env[VARIABLES[service]]
  if (!address && process.env['STOWAGE_TEST_SERVICES'] === 'all') throw new Error(`${VARIABLES[service]} is not set`)
  return address
}

/**
 * Whether tests use an optional program: they take their time, and are a part of the tests against real servers, where
 * its absence is a failure. Elsewhere they run where `STOWAGE_TEST_PROGRAMS` is set and the program is installed.
 */
export function hasProgram(program: string): boolean {
  const isThere = findProgram(program) !== undefined
  if (!isThere && process.env['STOWAGE_TEST_SERVICES'] === 'all') throw new Error(`${program} is not installed`)
  return isThere && (process.env['STOWAGE_TEST_SERVICES'] ?? process.env['STOWAGE_TEST_PROGRAMS']) !== undefined
}

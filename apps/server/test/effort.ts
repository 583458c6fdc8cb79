/**
 * Whether this is the run against real servers, which tries more: longer campaigns, more mutated files. `npm test` alone
 * tries as much as fits into a few minutes.
 */
export const isThorough = process.env['STOWAGE_TEST_SERVICES'] === 'all'

/** How often something random is tried. */
export function times(usually: number, thoroughly: number): number {
  return isThorough ? thoroughly : usually
}

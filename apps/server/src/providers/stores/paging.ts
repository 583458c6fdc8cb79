import { type ListOptions, StoreError } from './port.ts'

const MAX_LIMIT = 1000

/** @throws StoreError `unsupported` when it is not 1 to 1,000 */
export function limitOf({ limit = MAX_LIMIT }: ListOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new StoreError('unsupported', `A page holds 1 to ${MAX_LIMIT} items, not ${limit}`)
}

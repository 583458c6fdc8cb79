import { MAX_PARTS, StoreError } from './port.ts'

/** @throws StoreError `unsupported` for a number that no store has a part of */
export function requirePartNumber(number: number): void {
  if (Number.isInteger(number) && number >= 1 && number <= MAX_PARTS) return
  throw new StoreError('unsupported', `A part has a number from 1 to ${MAX_PARTS}, not ${number}`)
}

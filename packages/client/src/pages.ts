import type { Output } from '@stowage/contract'
import type { CallInput, CallName } from './operations.ts'

interface Page<Item> {
  items: Item[]
  nextCursor: string | null
}

/** Operations that answer page by page. */
export type ListName = { [Name in CallName]: Output<Name> extends Page<unknown> ? Name : never }[CallName]
export type ItemOf<Name extends ListName> = Output<Name> extends Page<infer Item> ? Item : never
/** `limit` is the size of a page here, not of the whole. */
export type ListInput<Name extends ListName> = Omit<CallInput<Name>, 'cursor'>

/** Every item of every page; the next page is asked for when the one before has been used up. */
export async function* eachItem<Item>(page: (cursor: string | undefined) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let cursor: string | undefined
  do {
    const { items, nextCursor } = await page(cursor)
    yield* items
    cursor = nextCursor ?? undefined
  } while (cursor !== undefined)
}

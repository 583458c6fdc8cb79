import type { Facts } from './port.ts'

/** A message, however it was saved. */
export interface Message {
  facts: Facts
  text: string
  /** Counts when there is no text. */
  html: string
  /** Messages that are attached are read like this one. */
  attached: (
    | { message: Message | (() => Promise<Message>) }
    | { name?: string; mediaType?: string; sizeBytes: number }
  )[]
}

/** A name and an address as people write them. */
export function joinAddress(name: string | undefined, address: string | undefined): string {
  if (!name || name === address) return address ?? ''
  return address ? `${name} <${address}>` : name
}

/** What a message says of itself that no other file does. */
export function mailFacts(said: { from?: string; to?: string[]; cc?: string[]; id?: string }): Facts['more'] {
  const more: NonNullable<Facts['more']> = {}
  if (said.from) more['mail.from'] = said.from
  if (said.to) more['mail.to'] = said.to
  if (said.cc) more['mail.cc'] = said.cc
  if (said.id) more['mail.messageId'] = said.id
  return more
}

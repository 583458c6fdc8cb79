import { randomUUIDv7 } from 'node:crypto'
import { type IdKind, idPrefixes } from '@stowage/contract'
import { fromUUID, type TypeId, toUUID } from 'typeid-js'

/** A new time-ordered UUID (version 7), as the database keeps it. */
export function newUuid(): string {
  return randomUUIDv7()
}

/** `ast_01j…` for the API from the database's UUID. */
export function toId(kind: IdKind, uuid: string): string {
  return fromUUID(uuid, idPrefixes[kind])
}

/** The database's UUID from an id that the contract has already checked. */
export function toUuid(id: string): string {
  return toUUID(id as TypeId<string>)
}

/** Whether an id carries the prefix of this kind. */
export function isKind(kind: IdKind, id: string): boolean {
  return id.startsWith(`${idPrefixes[kind]}_`)
}

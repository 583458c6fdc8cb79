import { z } from 'zod'

/** Fields that several rooms share. */

export const timestamp = z.iso.datetime({ precision: 3 }).describe('UTC, milliseconds')
export const name = z.string().min(1).max(255)
export const roles = ['owner', 'admin', 'editor', 'viewer'] as const
export const role = z.enum(roles)
export const visibility = z.enum(['private', 'organization', 'public'])
export const assetState = z.enum(['active', 'archived', 'quarantined', 'trashed'])
export const classification = z.enum(['public', 'internal', 'confidential', 'restricted'])
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')
/** A name in the caller's own world: a project, a scan result, a call. */
export const foreignId = z.string().min(1).max(200)
export const tag = z.string().min(1).max(64)
export const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be lower-case letters, digits, - and _, at most 63')
export const typeName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be lower-case letters, digits and _, at most 63')

export const page = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(1000).optional(),
}

export function list<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}

/** A query flag: `true` or `false` in words, because every other text would otherwise be taken for true. */
export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')])

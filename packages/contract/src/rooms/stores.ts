import { z } from 'zod'
import { list, page, timestamp } from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'

const kind = z
  .enum(['vanished', 'changed', 'strange', 'refused'])
  .describe(
    'A copy was removed, or written again, behind our back; an object that is none of ours appeared; an object in the inbox was refused',
  )
const outcome = z
  .enum(['intact', 'damaged', 'missing', 'released', 'left'])
  .describe(
    'What the copy was found to be when it was read again; `released` when it was no longer needed by then; `left` for an object that stays where it lies',
  )

export const incident = z.object({
  id: id('incident'),
  kind,
  store: z.string(),
  key: z.string(),
  copyId: id('copy').nullable(),
  assetIds: z.array(id('asset')).describe('Whose bytes the copy holds, at most ten'),
  at: timestamp.describe('When the store says that it happened'),
  seenAt: timestamp,
  settledAt: timestamp.nullable().describe('When the outcome was known'),
  outcome: outcome.nullable(),
  otherCopies: z.number().nullable().describe('Live copies of the same bytes, which readers are given instead'),
  detail: z.string().nullable(),
})

export const storeOperations = {
  'storeEvents.create': operation({
    method: 'POST',
    path: '/v1/store-events',
    action: 'stores.report',
    summary: 'Tell what happened in a store: a message of S3 or EventBridge, signed, or with the platform key',
    input: z.strictObject({}),
    output: z.object({
      taken: z.number().describe('Events of a store and key that concern us'),
      ignored: z.number().describe('Events of unknown buckets and keys, and repeated ones'),
    }),
    status: 200,
    problems: ['storeEvents.noSecret', 'storeEvents.signatureInvalid', 'store.unavailable'],
    doors: ['http'],
    audit: 'none',
    bytes: 'in',
  }),
  'incidents.list': operation({
    method: 'GET',
    path: '/v1/incidents',
    action: 'audit.read',
    summary: 'List what happened to stored bytes behind our back, newest first',
    input: z.strictObject({ kind: kind.optional(), outcome: outcome.optional(), ...page }),
    output: list(incident),
    problems: ['cursor.invalid'],
  }),
}

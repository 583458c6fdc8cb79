import { z } from 'zod'
import { list, page, timestamp } from '../fields.ts'
import { id } from '../ids.ts'
import { operation } from '../operation.ts'

export const auditEvent = z.object({
  id: id('auditEvent'),
  at: timestamp,
  action: z.string(),
  outcome: z.enum(['allowed', 'refused', 'failed']),
  principal: z.object({ kind: z.string(), id: z.string().nullable() }),
  subject: z.string().nullable(),
  requestId: z.string().nullable(),
  problem: z.string().nullable(),
  ip: z.string().nullable().describe('Null once erased'),
  sealed: z.boolean(),
  body: z.string().describe('The canonical text that the chain covers'),
})

export const auditOperations = {
  'auditEvents.list': operation({
    method: 'GET',
    path: '/v1/audit-events',
    action: 'audit.read',
    summary: 'Search the audit trail, newest first',
    input: z.strictObject({
      action: z.string().max(64).optional(),
      outcome: z.enum(['allowed', 'refused', 'failed']).optional(),
      principal: z.string().max(64).optional(),
      subject: z.string().max(64).optional(),
      requestId: z.string().max(128).optional(),
      after: timestamp.optional(),
      before: timestamp.optional(),
      ...page,
    }),
    output: list(auditEvent),
    problems: ['cursor.invalid'],
  }),
  'auditEvents.verify': operation({
    method: 'GET',
    path: '/v1/audit-events/verification',
    action: 'audit.read',
    summary: 'Check the chain: every event against its batch, every batch against the one before',
    input: z.strictObject({}),
    output: z.object({
      intact: z.boolean(),
      batches: z.number(),
      events: z.number(),
      unsealed: z.number(),
      head: z.string().nullable(),
      faults: z.array(z.object({ batch: z.number().nullable(), eventId: z.string().nullable(), fault: z.string() })),
    }),
  }),
}

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { canonical } from '../../domain/canonical.ts'

/** The chain of an organization's audit batches. Pure: hashes and signatures only. The format is in docs/reference. */

export interface BatchLink {
  tenantId: string
  n: number
  kind: 'batch' | 'checkpoint'
  previous: Buffer
  root: Buffer
  count: number
  sealedAt: Date
}

/** What the first link of a chain names as the one before it. */
export const GENESIS = Buffer.alloc(32)

/** The hash over the events of a batch: their own hashes, one after the other, in the order of their ids. */
export function rootOf(bodies: readonly string[]): Buffer {
  const root = createHash('sha256')
  for (const body of bodies) root.update(createHash('sha256').update(body).digest())
  return root.digest()
}

/** The hash that the next link names as the one before it, and that is signed. */
export function headOf(link: BatchLink): Buffer {
  const text = canonical({
    count: link.count,
    kind: link.kind,
    n: link.n,
    previous: link.previous.toString('hex'),
    root: link.root.toString('hex'),
    sealedAt: link.sealedAt.toISOString(),
    tenant: link.tenantId,
  })
  return createHash('sha256').update(text).digest()
}

export function signHead(head: Buffer, privateKey: Buffer): Buffer {
  return sign(null, head, privateKeyOf(privateKey))
}

export function isSigned(head: Buffer, signature: Buffer, publicKey: Buffer): boolean {
  return verify(null, head, createPublicKey({ key: publicKey, format: 'der', type: 'spki' }), signature)
}

function privateKeyOf(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

/** Columns that are taken from an event's text, for comparing the two. */
export interface EventColumns {
  id: string
  tenant_id: string
  at: Date
  action: string
  outcome: string
  principal_kind: string
  principal_id: string | null
  subject: string | null
  request_id: string | null
}

/** The first column that does not say what the event's text says, or undefined. */
export function strayColumn(columns: EventColumns, body: string): string | undefined {
  const event = parseBody(body)
  if (!event) return 'body'
  const principal = (event.principal ?? {}) as { kind?: string; id?: string | null }
  const said: Record<string, unknown> = {
    id: event.id,
    tenant: event.tenant,
    at: event.at,
    action: event.action,
    outcome: event.outcome,
    principalKind: principal.kind,
    principalId: principal.id,
    subject: event.subject,
    requestId: event.requestId,
  }
  const kept: Record<string, unknown> = {
    id: columns.id,
    tenant: columns.tenant_id,
    at: columns.at.toISOString(),
    action: columns.action,
    outcome: columns.outcome,
    principalKind: columns.principal_kind,
    principalId: columns.principal_id,
    subject: columns.subject,
    requestId: columns.request_id,
  }
  return Object.keys(kept).find((name) => said[name] !== kept[name])
}

function parseBody(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch {
    return undefined
  }
}

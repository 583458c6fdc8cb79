import { verify } from 'node:crypto'
import type { Account } from './account.ts'
import type { Answer, Call } from './exchange.ts'
import { formOf } from './multipart-bodies.ts'
import { parseDate, scopeOf, signatureIn } from './signed-urls.ts'
import { bucketOf, type Gcs, GcsRefusal, type ObjectFields, storeObject } from './state.ts'

type Condition = Record<string, string> | [string, string | number, string | number]

const UNCONDITIONED = ['policy', 'x-goog-signature', 'file']

/**
 * XML API, "POST Object": stores the file of a form whose policy allows it ("Signatures", "Policy document"): signed
 * by the account, not expired, with every field named by a condition and every condition kept.
 */
export function postObject(gcs: Gcs, account: Account, bucketName: string, call: Call): Answer {
  const bucket = bucketOf(gcs, bucketName)
  const { fields, file } = formOf(call.headers['content-type'], call.body)
  if (!file) throw new GcsRefusal(400, 'InvalidArgument', 'The form has no file.')
  const policy = checkedPolicy(account, fields)
  checkConditions(policy.conditions, new Map([...fields, ['bucket', bucketName]]), file.length)
  const name = need(fields, 'key')
  storeObject(gcs, bucket, { name, bytes: Buffer.from(file), fields: objectFields(fields) })
  const status = Number(fields.get('success_action_status') ?? 204)
  return { status: [200, 201, 204].includes(status) ? status : 204 }
}

function need(fields: Map<string, string>, name: string): string {
  const value = fields.get(name)
  if (value === undefined) throw new GcsRefusal(400, 'InvalidArgument', `The form has no ${name}.`)
  return value
}

function checkedPolicy(account: Account, fields: Map<string, string>): { conditions: Condition[] } {
  const encoded = need(fields, 'policy')
  const date = need(fields, 'x-goog-date')
  scopeOf(account, need(fields, 'x-goog-credential'), date)
  parseDate(date)
  if (need(fields, 'x-goog-algorithm') !== 'GOOG4-RSA-SHA256') {
    throw new GcsRefusal(400, 'InvalidArgument', 'x-goog-algorithm')
  }
  const signature = signatureIn(need(fields, 'x-goog-signature'))
  if (!verify('RSA-SHA256', Buffer.from(encoded), account.publicKey, signature)) {
    throw new GcsRefusal(403, 'SignatureDoesNotMatch', 'Access denied.')
  }
  const policy = JSON.parse(Buffer.from(encoded, 'base64').toString()) as {
    expiration: string
    conditions: Condition[]
  }
  if (!(Date.parse(policy.expiration) > Date.now())) {
    throw new GcsRefusal(400, 'ExpiredToken', 'The policy has expired.')
  }
  return policy
}

function checkConditions(conditions: Condition[], fields: Map<string, string>, sizeBytes: number): void {
  const named = new Set<string>()
  for (const condition of conditions) {
    const [operator, first, second] = Array.isArray(condition) ? condition : equality(condition)
    if (operator === 'content-length-range') {
      if (sizeBytes < Number(first) || sizeBytes > Number(second)) {
        throw new GcsRefusal(400, sizeBytes < Number(first) ? 'EntityTooSmall' : 'EntityTooLarge', 'Size')
      }
      continue
    }
    const name = String(first).replace(/^\$/, '').toLowerCase()
    const value = fields.get(name)
    named.add(name)
    const kept = operator === 'eq' ? value === String(second) : value?.startsWith(String(second))
    if (!kept) throw new GcsRefusal(403, 'AccessDenied', `The policy's condition on ${name} is not kept.`)
  }
  const free = [...fields.keys()].find((name) => !named.has(name) && !isUnconditioned(name))
  if (free) throw new GcsRefusal(403, 'AccessDenied', `The policy has no condition on ${free}.`)
}

function equality(condition: Record<string, string>): [string, string, string] {
  const [name, value] = Object.entries(condition)[0] ?? ['', '']
  return ['eq', name, value]
}

function isUnconditioned(name: string): boolean {
  return name === 'bucket' || UNCONDITIONED.includes(name) || name.startsWith('x-ignore-')
}

function objectFields(fields: Map<string, string>): ObjectFields {
  const metadata = [...fields].filter(([name]) => name.startsWith('x-goog-meta-'))
  return {
    contentType: fields.get('content-type') ?? 'application/octet-stream',
    contentDisposition: fields.get('content-disposition'),
    cacheControl: fields.get('cache-control'),
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice('x-goog-meta-'.length), value])),
  }
}

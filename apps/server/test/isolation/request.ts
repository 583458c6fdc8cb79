import { fieldPlaces, getOperation, type OperationName } from '@stowage/contract'
import { SignJWT } from 'jose'
import type { Body, Input } from './command.ts'
import type { Answer, Caller } from './model.ts'
import { isTus, tusAnswer, tusRequest } from './tus.ts'

/** What came back: its kind, and everything that a caller could tell two answers apart by. */
export interface Reply {
  status: number
  answer: Answer | 'fault'
  headers: string
  text: string
  body: Body
}

const TOKEN_SECRET = 'a shared secret of the isolation test alone'
export const settings = {
  STOWAGE_STORE: 'memory',
  STOWAGE_SMALL_OBJECT_BYTES: '64',
  STOWAGE_DATABASE_CONNECTIONS: '4',
  STOWAGE_JWT_SECRET: TOKEN_SECRET,
}

/** Asks one operation over HTTP, placing each field where the contract says it travels. */
export async function ask(
  url: string,
  operation: OperationName,
  caller: Caller,
  input: Input,
  requestId: string,
): Promise<Reply> {
  const tus = isTus(operation, input)
  const { method, address, headers, body } = tus
    ? tusRequest(url, operation, input)
    : plainRequest(url, operation, caller, input)
  const response = await fetch(address, {
    method,
    headers: { 'x-request-id': requestId, ...(await credentialOf(caller)), ...headers },
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '')
  const told = isJson ? JSON.parse(text) : text
  return {
    status: response.status,
    answer: kindOf(response.status),
    headers: [...response.headers].filter(([name]) => name !== 'date').join('\n'),
    text,
    body: tus ? { ...(isJson && told), ...tusAnswer(response.headers) } : told,
  }
}

function plainRequest(url: string, operation: OperationName, caller: Caller, input: Input) {
  const address = caller.kind === 'link' ? new URL(caller.link.url) : addressOf(url, operation, input)
  const { body, ...headers } = bodyOf(operation, input)
  return { method: getOperation(operation).method, address, headers, body }
}

function kindOf(status: number): Reply['answer'] {
  if (status < 300) return 'allowed'
  const kinds: Record<number, Answer> = { 401: 'unauthenticated', 403: 'forbidden', 404: 'notThere', 409: 'conflict' }
  return kinds[status] ?? (status >= 400 && status < 500 ? 'invalid' : 'fault')
}

async function credentialOf(caller: Caller): Promise<Record<string, string>> {
  switch (caller.kind) {
    case 'link':
      return {}
    case 'stranger':
      return caller.secret === undefined ? {} : { authorization: `Bearer ${caller.secret}` }
    case 'token':
      return { authorization: `Bearer ${await tokenOf(caller)}` }
    case 'key':
      return {
        authorization: `Bearer ${caller.secret}`,
        ...(caller.organization !== undefined && { 'stowage-organization': caller.organization }),
        ...(caller.actFor !== undefined && { 'stowage-user': caller.actFor }),
      }
  }
}

function tokenOf({ slug, externalId, role }: Caller & { kind: 'token' }): Promise<string> {
  return new SignJWT({ organization: slug, ...(role && { role }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(externalId)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(TOKEN_SECRET))
}

function addressOf(url: string, operation: OperationName, input: Input): URL {
  const row = getOperation(operation)
  const places = fieldPlaces(row)
  const path = row.path.replace(/\{(\w+)\}/g, (_match, field: string) => encodeURIComponent(String(input[field])))
  const address = new URL(path, url)
  for (const field of places.query) {
    if (field in input && !input['generated']) address.searchParams.set(field, String(input[field]))
  }
  return address
}

function bodyOf(operation: OperationName, input: Input): { body?: string; 'content-type'?: string } {
  const row = getOperation(operation)
  if (row.bytes === 'in') {
    const { content, generated, ...fields } = input
    if (!generated) return { body: String(content), 'content-type': 'text/plain' }
    return { body: JSON.stringify({ ...fields, content }), 'content-type': 'application/json' }
  }
  const fields = fieldPlaces(row).body.filter((field) => field in input)
  if (fields.length === 0) return {}
  const body = JSON.stringify(Object.fromEntries(fields.map((field) => [field, input[field]])))
  return { body, 'content-type': 'application/json' }
}

import type { FastifyRequest } from 'fastify'
import { isKind, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import { hashSecret } from '../../features/tenants/room.ts'
import type { Credential } from '../../platform/enter.ts'
import type { TokenReader } from '../../platform/tokens.ts'

/** Reads who is asking from the headers. Tokens are verified here; keys are looked up by `enter`. */
export async function readCredential(request: FastifyRequest, tokens: TokenReader | undefined): Promise<Credential> {
  const header = request.headers.authorization
  if (header === undefined) return { kind: 'none' }
  const secret = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(header)?.[1]
  if (secret === undefined) throw new Problem('credential.invalid')
  if (tokens && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)) return tokens(secret)
  return {
    kind: 'secret',
    hash: hashSecret(secret),
    organization: idOrName('organization', request.headers['stowage-organization']),
    actFor: idOrName('member', request.headers['stowage-user']),
  }
}

/** An id as the database knows it, or a slug or external id as it is. */
function idOrName(kind: 'organization' | 'member', header: string | string[] | undefined): string | null {
  if (header === undefined) return null
  const text = String(header)
  if (!isKind(kind, text)) return text
  try {
    return toUuid(text)
  } catch {
    return text
  }
}

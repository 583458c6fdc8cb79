import { roles } from '@stowage/contract'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { Problem } from '../domain/problem.ts'
import type { Credential } from './enter.ts'

export interface TokenOptions {
  jwtSecret?: string | undefined
  jwksUrl?: string | undefined
  jwtIssuer?: string | undefined
  jwtAudience?: string | undefined
  /** Which claims hold the organization, the role, the name and the e-mail address. */
  jwtClaims?: string | undefined
}

/** Verifies a token and reads who it is for; undefined when tokens are not configured. */
export type TokenReader = (token: string) => Promise<Credential>

const CLAIMS = { organization: 'organization', role: 'role', name: 'name', email: 'email' }

export function createTokenReader(options: TokenOptions): TokenReader | undefined {
  if (!options.jwtSecret && !options.jwksUrl) return undefined
  const claims = { ...CLAIMS, ...readMapping(options.jwtClaims) }
  const checks: JWTVerifyOptions = {
    requiredClaims: ['sub', 'exp'],
    clockTolerance: 5,
    ...(options.jwtIssuer && { issuer: options.jwtIssuer }),
    ...(options.jwtAudience && { audience: options.jwtAudience }),
  }
  const secret = options.jwtSecret && new TextEncoder().encode(options.jwtSecret)
  const remote = options.jwksUrl && createRemoteJWKSet(new URL(options.jwksUrl))
  return async (token) => {
    // The two kinds of key take different algorithms, so that a public key can never pass for a shared secret.
    const payload = await verifyWithEither(token, checks, secret || undefined, remote || undefined)
    const organization = claim(payload, claims.organization)
    if (!organization) throw new Problem('credential.invalid')
    const role = claim(payload, claims.role)
    return {
      kind: 'token',
      organization,
      subject: payload.sub as string,
      email: claim(payload, claims.email),
      name: claim(payload, claims.name),
      role: role !== null && (roles as readonly string[]).includes(role) ? role : null,
    }
  }
}

async function verifyWithEither(
  token: string,
  checks: JWTVerifyOptions,
  secret: Uint8Array | undefined,
  remote: ReturnType<typeof createRemoteJWKSet> | undefined,
): Promise<JWTPayload> {
  try {
    const isShared = /^HS/.test(algorithmOf(token))
    if (isShared && secret)
      return (await jwtVerify(token, secret, { ...checks, algorithms: ['HS256', 'HS384', 'HS512'] })).payload
    if (!isShared && remote) {
      const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']
      return (await jwtVerify(token, remote, { ...checks, algorithms })).payload
    }
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new Problem('credential.expired')
    if (error instanceof errors.JOSEError) throw new Problem('credential.invalid')
    throw error
  }
  throw new Problem('credential.invalid')
}

function algorithmOf(token: string): string {
  try {
    const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { alg?: unknown }
    return String(header.alg)
  } catch {
    return ''
  }
}

function claim(payload: JWTPayload, name: string): string | null {
  const value = payload[name]
  return typeof value === 'string' && value !== '' && value.length <= 320 ? value : null
}

/** `organization=org_id,role=r` as a mapping. */
function readMapping(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').map((pair) => pair.split('='))
  return Object.fromEntries(
    pairs.filter(([name, value]) => name && value).map(([name, value]) => [name?.trim(), value?.trim()]),
  )
}

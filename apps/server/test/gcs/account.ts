import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { GcsRefusal } from './state.ts'

/** What the official libraries take as `credentials`, or read from a key file. */
export type ServiceAccountKey = {
  type: 'service_account'
  project_id: string
  private_key_id: string
  private_key: string
  client_email: string
  client_id: string
  /** Another universe than Google's own: its libraries then send tokens that they sign themselves. */
  universe_domain: string
}

/** The one service account that may do everything. */
export interface Account {
  email: string
  publicKey: KeyObject
}

export function createAccount(): { account: Account; credentials: ServiceAccountKey } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const email = 'tester@stowage-test.iam.gserviceaccount.com'
  const credentials: ServiceAccountKey = {
    type: 'service_account',
    project_id: 'stowage-test',
    private_key_id: 'key-1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: email,
    client_id: '1',
    universe_domain: 'gcs.test',
  }
  return { account: { email, publicKey: createPublicKey(privateKey) }, credentials }
}

/**
 * Whether a request carries a token of the account.
 *
 * "Service account authorization without OAuth" (Google identity reference): a JWT signed with the account's key by
 * RS256, with `iss` and `sub` the account, `scope` or `aud`, and at most an hour of life.
 *
 * @throws GcsRefusal 401
 */
export function checkToken(account: Account, authorization: string | undefined): void {
  const token = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(authorization ?? '')
  if (!token) throw refused('Anonymous caller does not have access.')
  const [, header, payload, signature] = token as unknown as [string, string, string, string]
  const signed = Buffer.from(`${header}.${payload}`)
  const genuine = verify('RSA-SHA256', signed, account.publicKey, Buffer.from(signature, 'base64url'))
  if (!genuine) throw refused('Invalid Credentials')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  const now = Date.now() / 1000
  const alive = Number(claims['exp']) > now && Number(claims['iat']) <= now + 60
  const short = Number(claims['exp']) - Number(claims['iat']) <= 3600
  const named = claims['iss'] === account.email && Boolean(claims['scope'] ?? claims['aud'])
  if (!alive || !short || !named) throw refused('Invalid Credentials')
}

function refused(message: string): GcsRefusal {
  return new GcsRefusal(401, 'authError', message)
}

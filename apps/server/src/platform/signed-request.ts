import { Problem } from '../domain/problem.ts'
import {
  deriveSigningKey,
  type SignedPermission,
  type SignedRequest,
  type SignedUrlRefusal,
  verifySignedUrl,
} from '../domain/signed-url.ts'
import type { SecretKeys } from './secrets.ts'

const refusals = {
  malformed: 'signedUrl.malformed',
  unknownKey: 'signedUrl.tampered',
  tampered: 'signedUrl.tampered',
  expired: 'signedUrl.expired',
  wrongAddress: 'signedUrl.wrongAddress',
} as const satisfies Record<SignedUrlRefusal, string>

/**
 * What a signed URL that has come in permits.
 *
 * @throws Problem `signedUrl.malformed` | `signedUrl.tampered` | `signedUrl.expired` | `signedUrl.wrongAddress`
 */
export function openSignedRequest(signing: SecretKeys, request: Omit<SignedRequest, 'keyFor'>): SignedPermission {
  const verified = verifySignedUrl({
    ...request,
    keyFor: (tenantId, keyId) => {
      const secret = signing.find(keyId)
      return secret && deriveSigningKey(secret, tenantId, keyId)
    },
  })
  if (!('ok' in verified)) throw new Problem(refusals[verified.refused])
  return verified
}

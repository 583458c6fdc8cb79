import type { Diagnosis } from './advice.ts'
import { StoreError } from './port.ts'

/** What a connection fails with: no way there, or TLS spoken to something else. Some errors tell it in words alone. */
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPROTO|ERR_INVALID_URL|ERR_SSL_\w+|UND_ERR_CONNECT_TIMEOUT)\b/

const UNTRUSTED =
  /\b(ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET|VERIFY)_\w+|HOSTNAME_MISMATCH)\b/

/** What every provider's failures have in common: the network, and the kinds of the port. */
export function diagnoseNetwork(error: unknown): Diagnosis {
  for (const cause of causesOf(error)) {
    const { code, name, message } = cause as { code?: unknown; name?: string; message?: string }
    const words = `${code} ${message}`
    if (UNTRUSTED.test(words)) return 'untrustedCertificate'
    if (UNREACHABLE.test(words) || name === 'TimeoutError' || name === 'SyntaxError') return 'wrongEndpoint'
  }
  if (!(error instanceof StoreError)) return 'unavailable'
  switch (error.kind) {
    case 'denied':
    case 'noCredentials':
    case 'full':
    case 'throttled':
    case 'unsupported':
      return error.kind
    case 'corrupt':
    case 'badSize':
      return 'corrupt'
    default:
      return 'unavailable'
  }
}

function* causesOf(error: unknown): Generator<unknown> {
  for (let each = error; each instanceof Error; each = each.cause) {
    yield each
    if (each instanceof AggregateError) yield* each.errors
  }
}

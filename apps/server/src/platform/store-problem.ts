import { Problem } from '../domain/problem.ts'
import { StoreError } from '../providers/stores/port.ts'

const RETRY_AFTER_SECONDS = 5

/** What a caller is told when a store refuses; the only place where store errors become answers. */
export function storeProblem(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  const problem = problemFor(error)
  problem.cause = error
  return problem
}

function problemFor(error: StoreError): Problem {
  switch (error.kind) {
    case 'full':
      return new Problem('store.full')
    case 'notFound':
      return new Problem('content.missing')
    case 'corrupt':
      return new Problem('content.corrupt')
    case 'denied':
    case 'noCredentials':
    case 'throttled':
    case 'unavailable':
      return new Problem('store.unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS })
    default:
      return new Problem('internal.error')
  }
}

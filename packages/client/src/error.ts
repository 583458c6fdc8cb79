import { type ProblemBody, type ProblemCode, problemBody } from '@stowage/contract'

/** Ways to fail that no server answered. */
export type ClientCode =
  | 'client.unreachable'
  | 'client.unexpectedAnswer'
  | 'client.bodyUnreadable'
  | 'client.storeRefused'
  | 'client.keptOtherwise'

/** What the service, or the way to it, said. */
export interface Failure {
  /** A code of the problem catalogue, or one of the client's own. A newer server may know more codes. */
  code: ProblemCode | ClientCode | (string & {})
  /** HTTP status; 0 when no answer arrived. */
  status: number
  title: string
  /** The next step, in words. */
  detail: string
  /** What the problem carries beside its words, such as `limitBytes`. */
  members: Record<string, unknown>
  /** To quote when asking the operator. */
  requestId: string | undefined
}

/** The one error a client throws, apart from the reason of an aborted signal and errors of the caller's own functions. */
export class StowageError extends Error implements Failure {
  readonly code: Failure['code']
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly members: Record<string, unknown>
  readonly requestId: string | undefined

  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(`${failure.title}. ${failure.detail}`, options)
    this.name = 'StowageError'
    this.code = failure.code
    this.status = failure.status
    this.title = failure.title
    this.detail = failure.detail
    this.members = failure.members
    this.requestId = failure.requestId
  }
}

function unreachable(url: URL, cause: unknown): StowageError {
  return new StowageError(
    {
      code: 'client.unreachable',
      status: 0,
      title: `${url.origin} cannot be reached (${reasonOf(cause)})`,
      detail: 'Check the address and the network, then try again.',
      members: {},
      requestId: undefined,
    },
    { cause },
  )
}

/** The failure of an attempt that brought no answer. */
export function failedAttempt(url: URL, cause: unknown): StowageError {
  return isUnreadableBody(cause) ? bodyUnreadable(cause) : unreachable(url, cause)
}

/** A file on disk that changed since it was opened refuses to be read: File API section 4, and Node alike. */
function isUnreadableBody(cause: unknown): boolean {
  const reason = cause instanceof TypeError ? cause.cause : cause
  return reason instanceof DOMException && reason.name === 'NotReadableError'
}

export function bodyUnreadable(cause: unknown): StowageError {
  return new StowageError(
    {
      code: 'client.bodyUnreadable',
      status: 0,
      title: 'The file changed, or went away, while it was being sent',
      detail: 'Nothing was kept. Wait until it is finished, then send it again.',
      members: {},
      requestId: undefined,
    },
    { cause },
  )
}

export function unexpectedAnswer(response: Response, cause?: unknown): StowageError {
  return new StowageError(
    {
      code: 'client.unexpectedAnswer',
      status: response.status,
      title: `The answer (status ${response.status}) is not one that this service gives`,
      detail: 'Check that the address is that of a Stowage server and what stands between it and you.',
      members: {},
      requestId: requestIdOf(response),
    },
    { cause },
  )
}

/** Reads the problem that an answer carries (RFC 9457 section 3.1). */
export async function refusal(response: Response): Promise<StowageError> {
  const parsed = problemBody.safeParse(await response.json().catch(() => undefined))
  return parsed.success ? problemError(parsed.data, requestIdOf(response)) : unexpectedAnswer(response)
}

/** @param requestId of the answer that carried the problem, where the problem itself does not name it */
export function problemError(problem: ProblemBody, requestId?: string): StowageError {
  const { type: _type, title, status, detail, instance, code, ...members } = problem
  return new StowageError({ code, status, title, detail, members, requestId: requestId ?? instance })
}

/** A store that takes bytes by itself says in its own way why it does not. */
export async function storeRefusal(response: Response): Promise<StowageError> {
  const parsed = problemBody.safeParse(
    await response
      .clone()
      .json()
      .catch(() => undefined),
  )
  if (parsed.success) return problemError(parsed.data, requestIdOf(response))
  const said = (await response.text().catch(() => '')).slice(0, 1000)
  return new StowageError({
    code: 'client.storeRefused',
    status: response.status,
    title: `The store refused a part of the file (status ${response.status})`,
    detail: 'Upload the file again: what has arrived is kept for a while.',
    members: { said },
    requestId: undefined,
  })
}

/** The service holds other bytes than those that were read here. */
export function keptOtherwise(assetId: string, expected: string, actual: string): StowageError {
  return new StowageError({
    code: 'client.keptOtherwise',
    status: 0,
    title: 'What the service has kept is not the file that was sent',
    detail: 'The file changed, or was damaged, on its way. Remove what was kept, then send the file again.',
    members: { assetId, expected, actual },
    requestId: undefined,
  })
}

function requestIdOf(response: Response): string | undefined {
  return response.headers.get('x-request-id') ?? undefined
}

/** Node hides the reason of a failed fetch in its cause, and that of several addresses in a list. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection was lost'
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message
}

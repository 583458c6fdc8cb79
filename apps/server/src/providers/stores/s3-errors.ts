import { untilAborted } from './abort.ts'
import { StoreError, type StoreErrorKind } from './port.ts'

type Meaning = readonly [kind: StoreErrorKind, words: string]

/** By the code that S3 gives an error; what is not here is told by its status. */
const BY_NAME: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: ['unavailable', 'The bucket does not exist'],
  PermanentRedirect: ['unavailable', 'The bucket lies in another region or at another endpoint'],
  AuthorizationHeaderMalformed: ['unavailable', 'The bucket lies in another region'],
  InvalidAccessKeyId: ['denied', 'The access key is not known to the server'],
  SignatureDoesNotMatch: ['denied', 'The secret access key is not the one of the access key'],
  RequestTimeTooSkewed: ['denied', 'The clock of this machine differs from that of the server'],
  ExpiredToken: ['denied', 'The session credentials have expired'],
  ExpiredTokenException: ['denied', 'The session credentials have expired'],
  InvalidToken: ['denied', 'The session credentials are not valid'],
  CredentialsProviderError: ['noCredentials', 'There are no credentials to sign with'],
  InvalidObjectState: ['denied', 'The object is archived and must be restored first'],
  NoSuchUpload: ['notFound', 'The upload is not open'],
  InvalidPart: ['badSize', 'A part is missing or another than named'],
  InvalidPartOrder: ['badSize', 'The parts are not in order'],
  EntityTooSmall: ['badSize', 'A part is too small'],
  EntityTooLarge: ['badSize', 'The object is too large'],
  IncompleteBody: ['badSize', 'The body is shorter than stated'],
  KeyTooLongError: ['badKey', 'The store key is too long for the server'],
  InvalidStorageClass: ['unsupported', 'The server does not know the storage class'],
  InvalidBucketState: ['unsupported', 'The bucket is not in a state that allows this'],
  QuotaExceeded: ['full', 'The quota of the bucket or its owner is used up'],
  SlowDown: ['throttled', 'The server asks for fewer requests'],
  OperationAborted: ['throttled', 'Another operation on the same resource is under way'],
  Throttling: ['throttled', 'The server asks for fewer requests'],
  ThrottlingException: ['throttled', 'The server asks for fewer requests'],
  RequestTimeout: ['unavailable', 'The server waited too long for the body'],
  BadDigest: ['unavailable', 'The bytes were changed on their way'],
  XAmzContentChecksumMismatch: ['unavailable', 'The bytes were changed on their way'],
  TimeoutError: ['unavailable', 'The server did not answer in time'],
}

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  400: ['unsupported', 'The server refused the request'],
  401: ['denied', 'The server refused the credentials'],
  403: ['denied', 'The server denied access'],
  404: ['notFound', 'Nothing is stored under the store key'],
  405: ['unsupported', 'The server does not know the operation'],
  409: ['exists', 'The store key is already taken'],
  412: ['exists', 'The store key is already taken'],
  416: ['badRange', 'The range lies outside the object'],
  429: ['throttled', 'The server asks for fewer requests'],
  501: ['unsupported', 'The server does not know the operation'],
  503: ['throttled', 'The server asks for fewer requests'],
  507: ['full', 'The server has no room left'],
}

const UNAVAILABLE: Meaning = ['unavailable', 'The server cannot be reached']

/** The one place where what S3 and its SDK throw becomes an error of the port. */
export function storeErrorOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const { name = '', Code, message = '', $metadata } = error as S3Failure
  const status = $metadata?.httpStatusCode ?? 0
  const [kind, words] = BY_NAME[Code ?? ''] ?? BY_NAME[name] ?? BY_STATUS[status] ?? UNAVAILABLE
  if (/^checksum mismatch/i.test(message))
    return new StoreError('corrupt', 'The bytes differ from their checksum', { cause: error })
  const detail = [Code ?? name, status].filter((part) => part && part !== 'Error').join(', ')
  return new StoreError(kind, detail ? `${words} (${detail})` : words, { cause: error })
}

interface S3Failure extends Error {
  Code?: string
  $metadata?: { httpStatusCode?: number }
}

/**
 * Sends a request.
 *
 * @throws the abort reason, or StoreError
 */
export async function asked<T>(
  signal: AbortSignal | undefined,
  send: (options: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  try {
    return await untilAborted(send({ abortSignal: signal }), signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw storeErrorOf(error)
  }
}

export function isKind(error: unknown, ...kinds: StoreErrorKind[]): error is StoreError {
  return error instanceof StoreError && kinds.includes(error.kind)
}

import { isRestError, type RestError } from '@azure/storage-blob'
import { untilAborted } from './abort.ts'
import { StoreError, type StoreErrorKind } from './port.ts'

/**
 * Asks the service for something.
 *
 * @throws the abort reason, or a StoreError
 */
export async function asking<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted()
  try {
    return await untilAborted(work(), signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw storeErrorOf(error)
  }
}

/** As `asking`, with undefined for what is not there. */
export async function askingIfThere<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await asking(signal, work)
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'notFound') return undefined
    throw error
  }
}

type Meaning = readonly [kind: StoreErrorKind, words: string]

const TAKEN: Meaning = ['exists', 'The store key is already taken']
const NO_CONTAINER: Meaning = ['unavailable', 'The container is not there: make it, or correct its name']
const FORBIDDEN: Meaning = ['denied', 'The credentials have no right to do this']
const UNAUTHENTIC: Meaning = ['denied', 'The service does not accept the credentials: check account, key and clock']
const ARCHIVED: Meaning = [
  'denied',
  'The object is archived: move it to another storage class and wait until it is there',
]
const LOCKED: Meaning = ['denied', 'The object is under a legal hold or a retention period']
const NO_BLOCKS: Meaning = ['unavailable', 'The write was abandoned before it was finished']
const NO_KEY: Meaning = ['badKey', 'The service does not take this store key']

/** Codes of https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  BlobNotFound: ['notFound', 'Nothing is stored under the store key'],
  ContainerNotFound: NO_CONTAINER,
  ContainerBeingDeleted: NO_CONTAINER,
  ContainerDisabled: NO_CONTAINER,
  BlobAlreadyExists: TAKEN,
  UnauthorizedBlobOverwrite: TAKEN,
  ConditionNotMet: TAKEN,
  TargetConditionNotMet: TAKEN,
  SourceConditionNotMet: ['unavailable', 'The source changed while it was copied'],
  InvalidRange: ['badRange', 'The range starts past the end of the object'],
  InvalidBlockList: NO_BLOCKS,
  InvalidBlobOrBlock: NO_BLOCKS,
  BlobArchived: ARCHIVED,
  BlobBeingRehydrated: ARCHIVED,
  BlobImmutableDueToPolicy: LOCKED,
  BlobImmutableDueToLegalHold: LOCKED,
  AuthenticationFailed: UNAUTHENTIC,
  InvalidAuthenticationInfo: UNAUTHENTIC,
  NoAuthenticationInformation: UNAUTHENTIC,
  AuthorizationFailure: FORBIDDEN,
  AuthorizationPermissionMismatch: FORBIDDEN,
  InsufficientAccountPermissions: FORBIDDEN,
  KeyBasedAuthenticationNotPermitted: ['denied', 'The account does not allow account keys: leave the key out'],
  AccountIsDisabled: ['denied', 'The account is disabled'],
  LeaseIdMissing: ['denied', 'Somebody holds a lease on the object'],
  SnapshotsPresent: ['denied', 'The object has snapshots'],
  ServerBusy: ['throttled', 'The service is busy'],
  TooManyRequests: ['throttled', 'The service is busy'],
  OperationTimedOut: ['unavailable', 'The service took too long'],
  InvalidResourceName: NO_KEY,
  InvalidUri: NO_KEY,
  RequestBodyTooLarge: ['badSize', 'The body is larger than the service takes'],
  MetadataTooLarge: ['unsupported', 'The metadata is larger than the service takes'],
  FeatureNotSupportedForAccount: ['unsupported', 'The account cannot do this'],
}

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: UNAUTHENTIC,
  403: FORBIDDEN,
  404: ['notFound', 'Nothing is stored under the store key'],
  409: TAKEN,
  412: TAKEN,
  416: ['badRange', 'The range starts past the end of the object'],
  429: ['throttled', 'The service is busy'],
  501: ['unsupported', 'The service cannot do this'],
}

const IDENTITY_ERRORS = new Set([
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
])

/** What a failure of the SDK means; anything that is neither its own nor the network's is passed on as it is. */
export function storeErrorOf(error: unknown): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error
  if (isRestError(error) && error.statusCode !== undefined) return ofAnswer(error)
  if (IDENTITY_ERRORS.has(error.name)) return failure('noCredentials', 'No Azure credentials were found', error)
  const code = (error as NodeJS.ErrnoException).code
  if (isRestError(error) || error.name === 'AbortError' || error.name === 'TimeoutError' || code !== undefined) {
    return failure('unavailable', `The service was not reached (${code ?? error.name})`, error)
  }
  return error
}

function ofAnswer(error: RestError): StoreError {
  const status = error.statusCode!
  // An answer to HEAD has no body and tells its code in a header alone.
  const code = error.code ?? (error.details as { errorCode?: string } | undefined)?.errorCode ?? ''
  const meaning = BY_CODE[code] ?? BY_STATUS[status]
  const told = `(${[status, code].filter(Boolean).join(' ')})`
  if (meaning) return failure(meaning[0], `${meaning[1]} ${told}`, error)
  if (status >= 500) return failure('unavailable', `The service failed ${told}`, error)
  return failure('unsupported', `The service refused the request ${told}`, error)
}

function failure(kind: StoreErrorKind, message: string, cause: unknown): StoreError {
  return new StoreError(kind, message, { cause })
}

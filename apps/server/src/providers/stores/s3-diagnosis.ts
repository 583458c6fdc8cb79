import { ListBucketsCommand } from '@aws-sdk/client-s3'
import type { Diagnosis } from './advice.ts'
import { diagnoseNetwork } from './diagnosis.ts'
import { StoreError } from './port.ts'
import { ask, nameOf } from './s3-bucket.ts'
import type { S3Place } from './s3-client.ts'

const BY_NAME: Readonly<Record<string, Diagnosis>> = {
  CredentialsProviderError: 'noCredentials',
  InvalidAccessKeyId: 'wrongKey',
  SignatureDoesNotMatch: 'wrongKey',
  InvalidClientTokenId: 'wrongKey',
  ExpiredToken: 'expiredCredentials',
  ExpiredTokenException: 'expiredCredentials',
  InvalidToken: 'expiredCredentials',
  NoSuchBucket: 'noBucket',
  PermanentRedirect: 'wrongRegion',
  AuthorizationHeaderMalformed: 'wrongRegion',
  IllegalLocationConstraintException: 'wrongRegion',
  InvalidLocationConstraint: 'wrongRegion',
  RequestTimeTooSkewed: 'clockSkew',
  NotS3: 'wrongEndpoint',
}

/** How the SDK begins when an answer is no XML: what answers is something else, such as a console or a proxy. */
const NOT_XML = /XML parse error|^Deserialization error/

/** What is behind a failure. Some servers answer an unknown key as they answer a missing right: then the list tells. */
export async function diagnoseS3(place: S3Place, error: unknown): Promise<Diagnosis> {
  const known = BY_NAME[nameOf(error)]
  if (known) return known
  const cause = error instanceof StoreError ? error.cause : error
  if (cause instanceof Error && NOT_XML.test(cause.message)) return 'wrongEndpoint'
  const diagnosis = diagnoseNetwork(error)
  if (diagnosis !== 'denied' || !place.settings.endpoint) return diagnosis
  try {
    await ask(place, (client) => client.send(new ListBucketsCommand({})))
    return 'denied'
  } catch {
    return 'wrongKey'
  }
}

import { S3Client } from '@aws-sdk/client-s3'
import { AssumeRoleCommand, type AssumeRoleCommandInput, type Credentials, STSClient } from '@aws-sdk/client-sts'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { type CallOptions, StoreError, type StoreKey } from './port.ts'
import { asked } from './s3-errors.ts'
import { type Lane, openLane } from './s3-lane.ts'
import { createSessions, type Session, sessionPolicy } from './s3-session.ts'
import type { S3Settings } from './s3-settings.ts'

/** Three clients of one server, which differ in how they wait and what they sign. */
export interface S3Clients {
  /** Ends a request when the server is silent for too long, sent and received bodies included. */
  send: S3Client
  /**
   * Waits for the beginning of an answer alone: the reader of its body may take as long as it likes. Its connections are
   * its own, so that slow readers hold up nobody else.
   */
  read: S3Client
  /** Signs for the public endpoint, and no checksum of a body that it does not know. */
  presign: S3Client
}

export interface S3Place {
  settings: S3Settings
  /** Goes into every request. */
  at: { Bucket: string; ExpectedBucketOwner?: string }
  /** With credentials of our own. */
  own: S3Clients
  /** Those of an operation: narrowed to `within` where a role was configured. */
  clientsFor(options?: CallOptions): Promise<S3Clients>
  close(): void
}

type AwsCredentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration?: Date }

export function openS3Place(settings: S3Settings): S3Place {
  const { bucket, expectedBucketOwner, roleArn } = settings
  const { connections, idleTimeoutMs } = settings
  const lanes = { send: openLane(connections, idleTimeoutMs), read: openLane(connections, idleTimeoutMs) }
  const own = clientsWith(settings, lanes, ownCredentials(settings))
  const sessions = roleArn ? sessionsOf(settings, lanes, roleArn) : undefined
  return {
    settings,
    at: { Bucket: bucket, ...(expectedBucketOwner ? { ExpectedBucketOwner: expectedBucketOwner } : {}) },
    own,
    clientsFor: async ({ within, signal } = {}) => {
      if (!sessions || within === undefined) return own
      return asked(signal, () => sessions(within))
    },
    close: () => {
      lanes.send.close()
      lanes.read.close()
    },
  }
}

/**
 * Refuses what a session could not reach, before something is done for it with credentials of our own.
 *
 * @throws StoreError `denied`
 */
export function checkWithin({ settings }: S3Place, key: StoreKey, { within }: CallOptions): void {
  if (!settings.roleArn || within === undefined) return
  if (key.startsWith(within) || key.startsWith(`staging/${within}`)) return
  throw new StoreError('denied', 'The store key lies outside what the operation may reach')
}

type Lanes = { send: Lane; read: Lane }

function ownCredentials({ accessKeyId, secretAccessKey, sessionToken }: S3Settings): AwsCredentials | undefined {
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined
}

function clientsWith(settings: S3Settings, lanes: Lanes, credentials?: AwsCredentials): S3Clients {
  const { region, endpoint, publicEndpoint = endpoint, pathStyle, connectTimeoutMs, idleTimeoutMs } = settings
  const waiting = { connectionTimeout: connectTimeoutMs }
  const shared = { region, forcePathStyle: pathStyle, maxAttempts: 1, ...(credentials ? { credentials } : {}) }
  const checksums = settings.checksums === 'supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED'
  const make = (address: string | undefined, wanted: typeof checksums, requestHandler?: NodeHttpHandler) =>
    new S3Client({
      ...shared,
      ...(address ? { endpoint: address } : {}),
      requestChecksumCalculation: wanted,
      responseChecksumValidation: wanted,
      ...(requestHandler ? { requestHandler } : {}),
    })
  return {
    send: make(endpoint, checksums, lanes.send.handler({ ...waiting, socketTimeout: idleTimeoutMs })),
    read: make(endpoint, checksums, lanes.read.handler({ ...waiting, socketTimeout: 0, ...answered(settings) })),
    presign: make(publicEndpoint, 'WHEN_REQUIRED'),
  }
}

function answered({ idleTimeoutMs }: S3Settings) {
  return { requestTimeout: idleTimeoutMs, throwOnRequestTimeout: true }
}

function sessionsOf(settings: S3Settings, lanes: Lanes, roleArn: string): (within: string) => Promise<S3Clients> {
  const { region, endpoint, connectTimeoutMs, bucket } = settings
  const credentials = ownCredentials(settings)
  const sts = new STSClient({
    region,
    maxAttempts: 1,
    ...(endpoint ? { endpoint } : {}),
    ...(credentials ? { credentials } : {}),
    requestHandler: lanes.send.handler({ connectionTimeout: connectTimeoutMs, ...answered(settings) }),
  })
  const [, partition] = roleArn.split(':')
  return createSessions(async (within) => {
    const request: AssumeRoleCommandInput = {
      RoleArn: roleArn,
      RoleSessionName: 'stowage',
      Policy: sessionPolicy(bucket, within, { partition, kms: !endpoint }),
    }
    const { Credentials: given } = await sts.send(new AssumeRoleCommand(request))
    return sessionOf(settings, lanes, given)
  })
}

function sessionOf(settings: S3Settings, lanes: Lanes, given?: Credentials): Session<S3Clients> {
  if (!given?.AccessKeyId || !given.SecretAccessKey || !given.Expiration) {
    throw new StoreError('unavailable', 'The server gave no credentials for the role')
  }
  const credentials = {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
    expiration: given.Expiration,
  }
  return { value: clientsWith(settings, lanes, credentials), expiresAt: given.Expiration }
}

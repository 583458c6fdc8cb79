import type { Layout } from '../../domain/key-layout.ts'
import { type AccessDocument, type AccessNeeds, prefixesOf, STAGING_PREFIX } from './admin.ts'
import { partitionOf, type Statement } from './s3-bucket-rules.ts'
import { sessionPolicy } from './s3-session.ts'
import type { S3Settings } from './s3-settings.ts'

const ARCHIVES = new Set(['GLACIER', 'DEEP_ARCHIVE'])

const USER_VALUES = new Set(['user', 'owner'])

const OBJECT_ACTIONS = [
  'GetObject',
  'PutObject',
  'DeleteObject',
  'DeleteObjectVersion',
  'AbortMultipartUpload',
  'ListMultipartUploadParts',
]
const LOCK_STATUS = ['GetObjectLegalHold', 'GetObjectRetention']
const LOCKING = ['PutObjectLegalHold', 'PutObjectRetention']
const BUCKET_ACTIONS = ['ListBucket', 'ListBucketVersions', 'ListBucketMultipartUploads', 'GetBucketLocation']

const SET_UP_ACTIONS = [
  'CreateBucket',
  'ListBucket',
  'GetBucketLocation',
  'GetBucketPublicAccessBlock',
  'PutBucketPublicAccessBlock',
  'GetBucketPolicy',
  'PutBucketPolicy',
  'GetBucketVersioning',
  'PutBucketVersioning',
  'GetBucketObjectLockConfiguration',
  'PutBucketObjectLockConfiguration',
  'GetBucketCORS',
  'PutBucketCORS',
  'GetLifecycleConfiguration',
  'PutLifecycleConfiguration',
]
/** What servers other than Amazon's may not have, and then refuse to read in a policy. */
const AMAZON_SET_UP_ACTIONS = [
  'GetBucketOwnershipControls',
  'PutBucketOwnershipControls',
  'GetEncryptionConfiguration',
  'PutEncryptionConfiguration',
]

/** The names of roles are the store's, so that several stores of one account keep apart. */
function roleName(storeId: string, part: 'service' | 'setup' | 'lock' | 'tenant'): string {
  return `stowage-${storeId.slice(0, 40)}-${part}`
}

export function accessDocuments(settings: S3Settings, needs: AccessNeeds): AccessDocument[] {
  const { storeId, layouts } = needs
  const named = `arn:${partitionOf(settings.region)}:s3:::${settings.bucket}`
  return [
    {
      role: roleName(storeId, 'service'),
      title: 'The service',
      purpose:
        'What the service works with: objects under its layouts and staged ones; no right over the bucket itself.',
      document: policyOf(serviceStatements(settings, needs, named)),
    },
    {
      role: roleName(storeId, 'setup'),
      title: 'Set-up',
      purpose:
        'For `stowage-server provision` and `posture`: the bucket’s settings; no right to read or write an object.',
      document: policyOf([
        allow('Bucket', [...SET_UP_ACTIONS, ...(settings.endpoint ? [] : AMAZON_SET_UP_ACTIONS)], [named]),
      ]),
    },
    {
      role: roleName(storeId, 'lock'),
      title: 'Locks',
      purpose: 'For a person who lifts holds and governance retention, and for nobody else.',
      document: policyOf([
        allow(
          'Locks',
          [...LOCK_STATUS, ...LOCKING, 'BypassGovernanceRetention', 'DeleteObjectVersion'],
          objectsOf(named, layouts),
        ),
        allow('Find', ['ListBucket', 'ListBucketVersions'], [named]),
      ]),
    },
    ...layouts.flatMap((layout) => tenantDocuments(settings, storeId, layout, named)),
  ]
}

function serviceStatements(settings: S3Settings, needs: AccessNeeds, named: string): Statement[] {
  const { layouts, inbox, queueUrl, kmsKey } = needs
  const { storageClasses, objectLock, roleArn } = settings
  const archives = storageClasses.some((each) => ARCHIVES.has(each))
  const actions = [
    ...OBJECT_ACTIONS,
    ...(archives ? ['RestoreObject'] : []),
    // Holds and retention are set by the service; lifting governance retention is not its business.
    ...(objectLock ? [...LOCK_STATUS, ...LOCKING] : []),
  ]
  return [
    allow('Objects', actions, objectsOf(named, layouts)),
    ...(inbox ? [allow('Inbox', ['GetObject', 'DeleteObject', 'DeleteObjectVersion'], [`${named}/${inbox}*`])] : []),
    allow('Bucket', BUCKET_ACTIONS, [named]),
    ...queueStatements(queueUrl, settings),
    ...(kmsKey ? [keyStatement(kmsKey)] : []),
    ...(roleArn ? [{ Sid: 'Narrow', Effect: 'Allow' as const, Action: ['sts:AssumeRole'], Resource: [roleArn] }] : []),
  ]
}

/** The address of a queue names its region, account and name ("Amazon SQS queue and message identifiers"). */
function queueStatements(queueUrl: string | undefined, settings: S3Settings): Statement[] {
  const [, region, account, name] = /^https:\/\/sqs\.([a-z0-9-]+)\.[^/]+\/(\d+)\/([\w.-]+)$/.exec(queueUrl ?? '') ?? []
  if (!name) return []
  const queue = `arn:${partitionOf(region ?? settings.region)}:sqs:${region}:${account}:${name}`
  return [{ Sid: 'Queue', Effect: 'Allow', Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], Resource: [queue] }]
}

function keyStatement(kmsKey: string): Statement {
  return { Sid: 'Key', Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Resource: [kmsKey] }
}

function objectsOf(named: string, layouts: readonly Layout[]): string[] {
  const prefixes = [...layouts.flatMap(prefixesOf), STAGING_PREFIX]
  return [...new Set(prefixes)].map((prefix) => `${named}/${prefix}*`)
}

/**
 * Policies that keep organizations, or under a user layout users, apart: one for roles whose sessions carry the tag
 * `tenant` or `user`, and the template of the policy that the service itself narrows a session with.
 */
function tenantDocuments(settings: S3Settings, storeId: string, layout: Layout, named: string): AccessDocument[] {
  const { prefix, scope } = layout.isolation
  if (prefix === '') return []
  const tag = scope === 'user' ? 'user' : 'tenant'
  const tagged = prefix.replaceAll(/\{([^}]*)\}/g, (_, value) =>
    principalTag(USER_VALUES.has(value) ? 'user' : 'tenant'),
  )
  const prefixes = [tagged, `${STAGING_PREFIX}${tagged}`].map((each) => `${each}*`)
  const { endpoint, roleArn, region } = settings
  const partition = roleArn?.split(':')[1] ?? partitionOf(region)
  return [
    {
      role: roleName(storeId, 'tenant'),
      title: `One ${scope} (layout ${layout.name})`,
      purpose: `For sessions that carry the tag \`${tag}\`: they reach that ${scope}’s keys alone.`,
      document: policyOf([
        allow(
          'Objects',
          OBJECT_ACTIONS,
          prefixes.map((each) => `${named}/${each}`),
        ),
        { ...allow('Lists', ['ListBucket'], [named]), Condition: { StringLike: { 's3:prefix': prefixes } } },
      ]),
    },
    {
      title: `Session policy (layout ${layout.name})`,
      purpose:
        'What the service sends when it takes the role that `roleArn` names, with the values in the place of the braces.',
      document: JSON.parse(sessionPolicy(settings.bucket, prefix, { partition, kms: !endpoint })) as object,
    },
  ]
}

const principalTag = (name: string) => `\${aws:PrincipalTag/${name}}`

function allow(Sid: string, actions: readonly string[], Resource: string[]): Statement {
  return { Sid, Effect: 'Allow', Action: actions.map((action) => `s3:${action}`), Resource }
}

function policyOf(Statement: Statement[]): object {
  return { Version: '2012-10-17', Statement }
}

/** Who may take a role: services by their host name, everybody else by their ARN. */
export function trustPolicy(trusted: readonly string[], options: { tagged: boolean }): object {
  const services = trusted.filter((each) => /\.amazonaws\.com(\.cn)?$/.test(each))
  const others = trusted.filter((each) => !services.includes(each))
  const Action = ['sts:AssumeRole', ...(options.tagged ? ['sts:TagSession'] : [])]
  const Principal = { ...(others.length > 0 && { AWS: others }), ...(services.length > 0 && { Service: services }) }
  return policyOf([{ Effect: 'Allow', Principal, Action }])
}

import {
  CreateBucketCommand,
  type CreateBucketCommandInput,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3'
import { isInsecure, UNFINISHED_DAYS, type WantedStore } from './admin.ts'
import { type BucketSetting, cannot, RIGHT, wrong } from './bucket-settings.ts'
import { StoreError } from './port.ts'
import {
  ABORT_RULE,
  corsRule,
  hasCors,
  hasRule,
  isTlsOnly,
  lostRules,
  type Policy,
  partitionOf,
  stagingRule,
  tlsStatement,
  withCors,
  withRule,
  withTlsOnly,
} from './s3-bucket-rules.ts'
import type { S3Place } from './s3-client.ts'
import { asked, isKind } from './s3-errors.ts'

/** Some servers answer a question that they do not know as if it were another one: the answer then has no such element. */
const UNKNOWN = 'the server does not know this setting'

export function bucketArn({ settings }: S3Place): string {
  return `arn:${partitionOf(settings.region)}:s3:::${settings.bucket}`
}

/** The settings of a bucket, in the order in which they are made, without that the bucket is there. */
export function bucketRows(place: S3Place, wanted: WantedStore): BucketSetting[] {
  return [
    publicAccess(place),
    ownership(place),
    encryption(place, wanted),
    tlsOnly(place),
    versioning(place, wanted),
    ...(wanted.objectLock ? [objectLock(place)] : []),
    ...(wanted.origins.length > 0 ? [cors(place, wanted.origins)] : []),
    abortRule(place),
    stagedRule(place),
  ]
}

/** @throws StoreError */
export function ask<T>(place: S3Place, send: (client: S3Place['own']['send']) => Promise<T>): Promise<T> {
  return asked(undefined, () => send(place.own.send))
}

/** The answer, or undefined where the server says by this name that the setting was never made. */
async function unless<T>(names: readonly string[], asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking
  } catch (error) {
    if (names.includes(nameOf(error))) return undefined
    throw error
  }
}

/** By which S3 calls what is behind an error. */
export function nameOf(error: unknown): string {
  const cause = (error instanceof StoreError ? error.cause : error) as { Code?: string; name?: string } | undefined
  return cause?.Code ?? cause?.name ?? ''
}

export function existence(place: S3Place, wanted: WantedStore): BucketSetting {
  const { bucket, region, endpoint } = place.settings
  const request: CreateBucketCommandInput = {
    Bucket: bucket,
    // "CreateBucket": us-east-1 is where a bucket goes that names no place, and may not be named.
    ...(region !== 'us-east-1' && {
      CreateBucketConfiguration: {
        LocationConstraint: region as NonNullable<
          CreateBucketCommandInput['CreateBucketConfiguration']
        >['LocationConstraint'],
      },
    }),
    ...(wanted.objectLock && { ObjectLockEnabledForBucket: true }),
  }
  return {
    title: `the bucket ${bucket} is there, in ${region}`,
    why: 'Everything lies in it. Where it lies decides whose law applies and how long the way is.',
    setting: `CreateBucket ${JSON.stringify(request)}`,
    read: async () => {
      try {
        await ask(place, (client) => client.send(new HeadBucketCommand(place.at)))
      } catch (error) {
        if (isKind(error, 'notFound')) return wrong('there is no such bucket')
        throw error
      }
      if (endpoint) return RIGHT
      const { LocationConstraint } = await ask(place, (client) => client.send(new GetBucketLocationCommand(place.at)))
      const actual = LocationConstraint === 'EU' ? 'eu-west-1' : (LocationConstraint ?? 'us-east-1')
      return actual === region
        ? RIGHT
        : cannot(`it lies in ${actual}`, `set the region to ${actual}; a bucket cannot be moved`)
    },
    write: async () => {
      try {
        await ask(place, (client) => client.send(new CreateBucketCommand(request)))
      } catch (error) {
        if (!isKind(error, 'exists')) throw error
        throw new StoreError('denied', 'The bucket belongs to somebody else: choose another name', { cause: error })
      }
    },
  }
}

/**
 * Servers other than Amazon's need not refuse access lists that make something public, where they pay no heed to them:
 * RadosGW 16 refuses every write when it is told to.
 */
function publicAccess(place: S3Place): BucketSetting {
  const wantedBlock = {
    ...(!place.settings.endpoint && { BlockPublicAcls: true }),
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  }
  const read = async () => {
    const asking = ask(place, (client) => client.send(new GetPublicAccessBlockCommand(place.at)))
    return unless(['NoSuchPublicAccessBlockConfiguration'], asking)
  }
  return {
    title: 'public access is blocked',
    why: 'Files are given out by the service and by signed URLs; nothing may become public by a slip in a policy.',
    setting: `PutPublicAccessBlock ${JSON.stringify(wantedBlock)}`,
    read: async () => {
      const answer = await read()
      if (!answer) return wrong('nothing is blocked')
      const { PublicAccessBlockConfiguration: live } = answer
      if (!live) return cannot(UNKNOWN)
      const names = Object.keys(wantedBlock) as (keyof typeof wantedBlock)[]
      const open = names.filter((name) => live[name] !== true)
      return open.length === 0 ? RIGHT : wrong(`${open.join(', ')} ${open.length === 1 ? 'is' : 'are'} off`)
    },
    write: async () => {
      const live = (await read())?.PublicAccessBlockConfiguration
      const request = { ...place.at, PublicAccessBlockConfiguration: { ...live, ...wantedBlock } }
      await ask(place, (client) => client.send(new PutPublicAccessBlockCommand(request)))
    },
  }
}

function ownership(place: S3Place): BucketSetting {
  const OwnershipControls = { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' as const }] }
  return {
    title: 'the bucket’s owner owns every object, and access lists are off',
    why: 'Rights then stand in policies alone, where they can be read in one place.',
    setting: `PutBucketOwnershipControls ${JSON.stringify(OwnershipControls)}`,
    read: async () => {
      const asking = ask(place, (client) => client.send(new GetBucketOwnershipControlsCommand(place.at)))
      const answer = await unless(['OwnershipControlsNotFoundError'], asking)
      if (!answer) return wrong('access lists are on')
      const { Rules } = answer.OwnershipControls ?? {}
      if (!Rules) return cannot(UNKNOWN)
      const owned = Rules[0]?.ObjectOwnership
      return owned === 'BucketOwnerEnforced' ? RIGHT : wrong(`it is ${owned}`)
    },
    write: async () => {
      const request = { ...place.at, OwnershipControls }
      await ask(place, (client) => client.send(new PutBucketOwnershipControlsCommand(request)))
    },
  }
}

function encryption(place: S3Place, { kmsKey }: WantedStore): BucketSetting {
  const rule: ServerSideEncryptionRule = kmsKey
    ? {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: kmsKey },
        BucketKeyEnabled: true,
      }
    : { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }
  return {
    title: kmsKey ? `what is written is encrypted by the key ${kmsKey}` : 'what is written is encrypted',
    why: kmsKey
      ? 'Who may use the key is then decided apart from who may read the bucket, and each use of it is logged.'
      : 'Disks that leave the data centre can then not be read.',
    setting: `PutBucketEncryption ${JSON.stringify({ Rules: [rule] })}`,
    read: async () => {
      const asking = ask(place, (client) => client.send(new GetBucketEncryptionCommand(place.at)))
      const answer = await unless(['ServerSideEncryptionConfigurationNotFoundError'], asking)
      if (!answer) return wrong('there is no default encryption')
      const { Rules } = answer.ServerSideEncryptionConfiguration ?? {}
      if (!Rules) return cannot(UNKNOWN)
      const live = Rules[0]?.ApplyServerSideEncryptionByDefault
      if (!live?.SSEAlgorithm) return wrong('there is no default encryption')
      // Where no key is asked for, the operator's own choice of one is as good.
      if (!kmsKey || sameKey(live.KMSMasterKeyID, kmsKey)) return RIGHT
      return wrong(`it is ${live.SSEAlgorithm}${live.KMSMasterKeyID ? ` with ${live.KMSMasterKeyID}` : ''}`)
    },
    write: async () => {
      const request = { ...place.at, ServerSideEncryptionConfiguration: { Rules: [rule] } }
      await ask(place, (client) => client.send(new PutBucketEncryptionCommand(request)))
    },
  }
}

/** A key is named by its id or by the whole name that ends with it. */
function sameKey(live: string | undefined, wanted: string): boolean {
  return live === wanted || live?.endsWith(`key/${wanted}`) === true
}

function tlsOnly(place: S3Place): BucketSetting {
  const arn = bucketArn(place)
  const read = async () => {
    const asking = ask(place, (client) => client.send(new GetBucketPolicyCommand(place.at)))
    const answer = await unless(['NoSuchBucketPolicy'], asking)
    return answer?.Policy ? (JSON.parse(answer.Policy) as Policy) : undefined
  }
  return {
    title: 'requests without TLS are refused',
    why: 'Signed URLs and bytes can then not be read on the way, whoever made the request.',
    setting: `PutBucketPolicy ${JSON.stringify(tlsStatement(arn))}`,
    read: async () => {
      const { endpoint } = place.settings
      if (endpoint?.startsWith('http:')) {
        return cannot(
          'the endpoint is http, so this would shut the service itself out',
          isInsecure(endpoint) ? 'use an https endpoint' : undefined,
        )
      }
      if (!isTlsOnly(await read(), arn)) return wrong('the bucket’s policy does not refuse them')
      return endpoint ? cannot('the policy says so, but not every server keeps it: close its http port') : RIGHT
    },
    write: async () => {
      const request = { ...place.at, Policy: JSON.stringify(withTlsOnly(await read(), arn)) }
      await ask(place, (client) => client.send(new PutBucketPolicyCommand(request)))
    },
  }
}

async function readVersioning(place: S3Place): Promise<string | undefined> {
  return (await ask(place, (client) => client.send(new GetBucketVersioningCommand(place.at)))).Status
}

export async function versioningOf(place: S3Place): Promise<'on' | 'off' | 'suspended'> {
  const status = await readVersioning(place)
  return status === 'Enabled' ? 'on' : status === 'Suspended' ? 'suspended' : 'off'
}

function versioning(place: S3Place, { versioning: asked, objectLock }: WantedStore): BucketSetting {
  const isWanted = asked || objectLock
  return {
    title: isWanted ? 'versioning is on' : 'versioning is not suspended',
    why: isWanted
      ? 'What is overwritten or deleted behind our back can be brought back.'
      : 'While it is suspended old versions stay and cost, and deletions cannot be undone.',
    setting: 'PutBucketVersioning {"Status":"Enabled"}',
    read: async () => {
      const live = await versioningOf(place)
      if (live === 'suspended') return wrong('it is suspended')
      return live === 'on' || !isWanted ? RIGHT : wrong('it is off')
    },
    write: async () => {
      const request = { ...place.at, VersioningConfiguration: { Status: 'Enabled' as const } }
      await ask(place, (client) => client.send(new PutBucketVersioningCommand(request)))
    },
  }
}

function objectLock(place: S3Place): BucketSetting {
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' as const }
  return {
    title: 'object lock is on',
    why: 'Holds and retention are then kept by the store itself, also against whoever has the service’s credentials.',
    setting: `PutObjectLockConfiguration ${JSON.stringify(ObjectLockConfiguration)}`,
    read: async () => {
      const asking = ask(place, (client) => client.send(new GetObjectLockConfigurationCommand(place.at)))
      const answer = await unless(['ObjectLockConfigurationNotFoundError'], asking)
      return answer?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled' ? RIGHT : wrong('it is off')
    },
    write: async () => {
      const request = { ...place.at, ObjectLockConfiguration }
      await ask(place, (client) => client.send(new PutObjectLockConfigurationCommand(request)))
    },
  }
}

function cors(place: S3Place, origins: readonly string[]): BucketSetting {
  const read = async () => {
    const asking = ask(place, (client) => client.send(new GetBucketCorsCommand(place.at)))
    return (await unless(['NoSuchCORSConfiguration'], asking))?.CORSRules ?? []
  }
  return {
    title: `pages of ${origins.join(', ')} may upload and read`,
    why: 'A browser sends presigned requests to another origin only where that one allows it, and shows a page no header that is not named, ETag included.',
    setting: `PutBucketCors ${JSON.stringify(corsRule(origins))}`,
    read: async () => (hasCors(await read(), origins) ? RIGHT : wrong('the bucket’s CORS rules do not say so')),
    write: async () => {
      const request = { ...place.at, CORSConfiguration: { CORSRules: withCors(await read(), origins) } }
      await ask(place, (client) => client.send(new PutBucketCorsCommand(request)))
    },
  }
}

async function readLifecycle(place: S3Place): Promise<{ rules: LifecycleRule[]; more: object }> {
  const asking = ask(place, (client) => client.send(new GetBucketLifecycleConfigurationCommand(place.at)))
  const answer = await unless(['NoSuchLifecycleConfiguration'], asking)
  const { Rules = [], TransitionDefaultMinimumObjectSize } = answer ?? {}
  // Left out, it would go back to its default.
  return { rules: Rules, more: TransitionDefaultMinimumObjectSize ? { TransitionDefaultMinimumObjectSize } : {} }
}

/**
 * Puts one of our rules among those of others. What they say is read again, because a server that gives a rule back in
 * another form than it takes would have changed it.
 */
async function writeRule(place: S3Place, rule: LifecycleRule): Promise<void> {
  const { rules: before, more } = await readLifecycle(place)
  const request = { ...place.at, ...more, LifecycleConfiguration: { Rules: withRule(before, rule) } }
  await ask(place, (client) => client.send(new PutBucketLifecycleConfigurationCommand(request)))
  const lost = lostRules(before, (await readLifecycle(place)).rules)
  if (lost.length === 0) return
  throw new StoreError('corrupt', `The server changed lifecycle rules of others: ${lost.join(', ')}. Check them now`)
}

function abortRule(place: S3Place): BucketSetting {
  return {
    title: `unfinished multipart uploads end after ${UNFINISHED_DAYS} days`,
    why: 'Their parts cost and are in no list of objects. The service ends its own much sooner.',
    setting: `PutBucketLifecycleConfiguration ${JSON.stringify(ABORT_RULE)}, beside the rules of others`,
    read: async () => {
      return hasRule((await readLifecycle(place)).rules, ABORT_RULE) ? RIGHT : wrong('there is no such lifecycle rule')
    },
    write: () => writeRule(place, ABORT_RULE),
  }
}

function stagedRule(place: S3Place): BucketSetting {
  const wantedRule = async () => stagingRule((await readVersioning(place)) !== undefined)
  return {
    title: `staged bytes go after ${UNFINISHED_DAYS} days`,
    why: 'Seven days after the longest presigned URL nobody can come back for them. The service removes its own much sooner.',
    setting: `PutBucketLifecycleConfiguration ${JSON.stringify(stagingRule(false))}, beside the rules of others`,
    read: async () => {
      return hasRule((await readLifecycle(place)).rules, await wantedRule())
        ? RIGHT
        : wrong('there is no such lifecycle rule')
    },
    write: async () => writeRule(place, await wantedRule()),
  }
}

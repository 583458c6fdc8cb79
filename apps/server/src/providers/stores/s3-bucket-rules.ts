import { isDeepStrictEqual } from 'node:util'
import type { CORSRule, LifecycleRule } from '@aws-sdk/client-s3'
import { STAGING_PREFIX, UNFINISHED_DAYS } from './admin.ts'

/** Lifecycle rules whose ids begin with it are ours; every other one belongs to somebody else. */
const OUR_RULES = 'stowage-'
const CORS_RULE = 'stowage-browser'
const TLS_STATEMENT = 'StowageTlsOnly'

/** Ends multipart uploads that nobody has completed. */
export const ABORT_RULE: LifecycleRule = {
  ID: `${OUR_RULES}abort-multipart`,
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_DAYS },
}

/** Removes staged bytes that nobody has come back for; with versions, for good. */
export function stagingRule(versioned: boolean): LifecycleRule {
  return {
    ID: `${OUR_RULES}staging`,
    Status: 'Enabled',
    Filter: { Prefix: STAGING_PREFIX },
    Expiration: { Days: UNFINISHED_DAYS },
    ...(versioned && { NoncurrentVersionExpiration: { NoncurrentDays: 1 } }),
  }
}

export function hasRule(live: readonly LifecycleRule[], wanted: LifecycleRule): boolean {
  const found = live.find((rule) => rule.ID === wanted.ID)
  return found !== undefined && isDeepStrictEqual(withFilter(found), withFilter(wanted))
}

/** What there is, in the one form that can be written back, with one rule of ours put in or replaced. */
export function withRule(live: readonly LifecycleRule[], wanted: LifecycleRule): LifecycleRule[] {
  return [...live.filter((rule) => rule.ID !== wanted.ID).map(withFilter), wanted]
}

/** The rules of others that one reading shows and another does not. */
export function lostRules(before: readonly LifecycleRule[], after: readonly LifecycleRule[]): string[] {
  return before
    .filter((rule) => !rule.ID?.startsWith(OUR_RULES))
    .filter((rule) => !after.some((each) => isDeepStrictEqual(withFilter(each), withFilter(rule))))
    .map((rule) => rule.ID ?? 'without an id')
}

/**
 * A rule in the form that every server takes back. Some answer with a prefix beside tags, where the protocol wants both
 * inside `And`: written back as it is, the rule would lose its prefix and reach the whole bucket. The older form, a
 * prefix without a filter, may not stand beside the newer one ("LifecycleConfiguration", Amazon S3 API reference).
 */
function withFilter({ Prefix, Filter, ...rest }: LifecycleRule): LifecycleRule {
  const { And, Tag, ...more } = Filter ?? {}
  const prefix = And?.Prefix ?? Filter?.Prefix ?? Prefix ?? ''
  const tags = [...(And?.Tags ?? []), ...(Tag ? [Tag] : [])]
  const { ObjectSizeGreaterThan, ObjectSizeLessThan } = { ...more, ...And }
  const sizes = {
    ...(ObjectSizeGreaterThan !== undefined && { ObjectSizeGreaterThan }),
    ...(ObjectSizeLessThan !== undefined && { ObjectSizeLessThan }),
  }
  const conditions = (prefix ? 1 : 0) + tags.length + Object.keys(sizes).length
  const [tag] = tags
  if (conditions > 1) {
    const all = { ...(prefix && { Prefix: prefix }), ...(tag && { Tags: tags }), ...sizes }
    return { ...rest, Filter: { And: all } }
  }
  return { ...rest, Filter: tag ? { Tag: tag } : conditions === 0 || prefix ? { Prefix: prefix } : sizes }
}

/** Lets pages of these origins use presigned requests and see what they need of the answers. */
export function corsRule(origins: readonly string[]): CORSRule {
  return {
    ID: CORS_RULE,
    AllowedOrigins: [...origins],
    AllowedMethods: ['GET', 'HEAD', 'PUT', 'POST'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag', 'Content-Length', 'Content-Range', 'Content-Disposition', 'x-amz-version-id'],
    MaxAgeSeconds: 3600,
  }
}

/** Lists are sets here: servers give them back in an order of their own. */
export function hasCors(live: readonly CORSRule[], origins: readonly string[]): boolean {
  const found = live.find((rule) => rule.ID === CORS_RULE)
  return found !== undefined && isDeepStrictEqual(sorted(found), sorted(corsRule(origins)))
}

/** Ours comes last: the first rule that fits an origin is the one that counts, and others were there before. */
export function withCors(live: readonly CORSRule[], origins: readonly string[]): CORSRule[] {
  return [...live.filter((rule) => rule.ID !== CORS_RULE), corsRule(origins)]
}

function sorted(rule: CORSRule): object {
  return Object.fromEntries(Object.entries(rule).map(([name, value]) => [name, [value].flat().sort()]))
}

export interface Statement {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  Principal?: unknown
  Action?: string | string[]
  Resource?: string | string[]
  Condition?: Record<string, Record<string, unknown>>
}

export interface Policy {
  Version: string
  Id?: string
  Statement: Statement[]
}

export function tlsStatement(bucketArn: string): Statement {
  return {
    Sid: TLS_STATEMENT,
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [bucketArn, `${bucketArn}/*`],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  }
}

/** Whether a policy, ours or that of others, refuses everything that comes without TLS. */
export function isTlsOnly(policy: Policy | undefined, bucketArn: string): boolean {
  return (policy?.Statement ?? []).some((statement) => {
    const { Effect, Principal, Action, Resource, Condition } = statement
    const everybody = Principal === '*' || isDeepStrictEqual(Principal, { AWS: '*' })
    const everything = [Action].flat().some((action) => action === '*' || action === 's3:*')
    const resources = [Resource].flat()
    const everywhere = resources.includes('*') || [bucketArn, `${bucketArn}/*`].every((arn) => resources.includes(arn))
    const conditions = Object.entries(Condition ?? {})
    const onlyTls = conditions.length === 1 && String(Condition?.['Bool']?.['aws:SecureTransport']) === 'false'
    return Effect === 'Deny' && everybody && everything && everywhere && onlyTls
  })
}

export function withTlsOnly(policy: Policy | undefined, bucketArn: string): Policy {
  const others = (policy?.Statement ?? []).filter(({ Sid }) => Sid !== TLS_STATEMENT)
  return { ...policy, Version: policy?.Version ?? '2012-10-17', Statement: [...others, tlsStatement(bucketArn)] }
}

/** Amazon's partition, which begins every name there, from the region. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

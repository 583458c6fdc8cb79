import { describe, expect, test } from 'vitest'
import {
  ABORT_RULE,
  hasCors,
  hasRule,
  isTlsOnly,
  lostRules,
  partitionOf,
  stagingRule,
  tlsStatement,
  withCors,
  withRule,
  withTlsOnly,
} from './s3-bucket-rules.ts'

const ARN = 'arn:aws:s3:::files'

describe('lifecycle rules', () => {
  const Transitions = [{ Days: 30, StorageClass: 'GLACIER' as const }]
  const Tags = [
    { Key: 'a', Value: 'b' },
    { Key: 'c', Value: 'd' },
  ]

  test('ours goes among those of others and replaces only itself', () => {
    const foreign = { ID: 'theirs', Status: 'Enabled' as const, Filter: { Prefix: 'x/' }, Transitions }
    const older = { ...ABORT_RULE, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }
    expect(withRule([older, foreign], ABORT_RULE)).toEqual([foreign, ABORT_RULE])
    expect(withRule(withRule([foreign], ABORT_RULE), stagingRule(false))).toHaveLength(3)
  })

  test('ours expires by age what is staged, and ends unfinished uploads alone anywhere else', () => {
    for (const rule of [stagingRule(true), stagingRule(false)]) expect(rule.Filter).toEqual({ Prefix: 'staging/' })
    const { Expiration, NoncurrentVersionExpiration, Transitions: moves } = ABORT_RULE
    expect([Expiration, NoncurrentVersionExpiration, moves]).toEqual([undefined, undefined, undefined])
  })

  test('another rule of ours is left to whoever made it', () => {
    const cold = { ID: 'stowage-cold', Status: 'Enabled' as const, Filter: { Prefix: 'a/' }, Transitions }
    expect(withRule([cold], ABORT_RULE)).toContainEqual(cold)
  })

  test.each([
    ['a prefix beside tags', { Filter: { Prefix: 'x/', And: { Tags } } }, { Filter: { And: { Prefix: 'x/', Tags } } }],
    [
      'a prefix beside one tag',
      { Filter: { Prefix: 'x/', Tag: Tags[0]! } },
      { Filter: { And: { Prefix: 'x/', Tags: [Tags[0]!] } } },
    ],
    ['a prefix without a filter', { Prefix: 'x/' }, { Filter: { Prefix: 'x/' } }],
    ['no filter at all', {}, { Filter: { Prefix: '' } }],
    ['a size', { Filter: { ObjectSizeGreaterThan: 5 } }, { Filter: { ObjectSizeGreaterThan: 5 } }],
    [
      'a size inside And',
      { Filter: { And: { Prefix: 'x/', ObjectSizeLessThan: 5 } } },
      { Filter: { And: { Prefix: 'x/', ObjectSizeLessThan: 5 } } },
    ],
    ['one tag', { Filter: { Tag: Tags[0]! } }, { Filter: { Tag: Tags[0]! } }],
  ])('a rule of others that names %s is written back with the same reach', (_, given, written) => {
    const rule = { ID: 'theirs', Status: 'Enabled' as const, Transitions }
    expect(withRule([{ ...rule, ...given }], ABORT_RULE)[0]).toEqual({ ...rule, ...written })
  })

  test('ours is known in every form in which a server gives it back', () => {
    const { Filter, ...rest } = ABORT_RULE
    expect(hasRule([{ ...rest, Prefix: '' }], ABORT_RULE)).toBe(true)
    expect(hasRule([{ ...ABORT_RULE, Status: 'Disabled' }], ABORT_RULE)).toBe(false)
    expect(hasRule([{ ...rest, Filter: { Prefix: 'a/' } }], ABORT_RULE)).toBe(false)
    expect(hasRule([stagingRule(false)], stagingRule(true))).toBe(false)
  })

  test('a rule of others that comes back changed counts as lost', () => {
    const theirs = { ID: 'theirs', Status: 'Enabled' as const, Filter: { Prefix: 'x/' }, Transitions }
    expect(lostRules([theirs, ABORT_RULE], [theirs])).toEqual([])
    expect(lostRules([theirs], [{ ...theirs, Filter: { Prefix: '' } }])).toEqual(['theirs'])
  })
})

describe('CORS rules', () => {
  const origins = ['https://a.example', 'https://b.example']

  test('ours goes behind those of others and is known in any order', () => {
    const foreign = { ID: 'theirs', AllowedMethods: ['GET'], AllowedOrigins: ['*'] }
    const rules = withCors(withCors([foreign], ['https://old.example']), origins)
    expect(rules).toHaveLength(2)
    expect(rules[0]).toEqual(foreign)
    const ours = rules[1]!
    expect(hasCors([{ ...ours, AllowedMethods: ours.AllowedMethods!.toReversed() }], origins.toReversed())).toBe(true)
    expect(hasCors([ours], ['https://a.example'])).toBe(false)
    expect(hasCors([{ ...ours, ExposeHeaders: [] }], origins)).toBe(false)
  })
})

describe('the policy that refuses requests without TLS', () => {
  test('goes beside the statements of others, once', () => {
    const theirs = {
      Sid: 'Theirs',
      Effect: 'Allow' as const,
      Principal: '*',
      Action: 's3:GetObject',
      Resource: `${ARN}/x`,
    }
    const policy = withTlsOnly(withTlsOnly({ Version: '2012-10-17', Statement: [theirs] }, ARN), ARN)
    expect(policy.Statement).toEqual([theirs, tlsStatement(ARN)])
    expect(isTlsOnly(policy, ARN)).toBe(true)
  })

  test.each([
    ['is not there', undefined],
    ['allows instead', { Effect: 'Allow' as const }],
    ['names some actions', { Action: 's3:GetObject' }],
    ['leaves out the bucket itself', { Resource: `${ARN}/*` }],
    ['names another bucket', { Resource: ['arn:aws:s3:::other', 'arn:aws:s3:::other/*'] }],
    ['is about one account', { Principal: { AWS: '1' } }],
    [
      'has another condition, too',
      { Condition: { Bool: { 'aws:SecureTransport': 'false' }, StringEquals: { a: 'b' } } },
    ],
  ])('is missing when the statement %s', (_, change) => {
    const Statement = change ? [{ ...tlsStatement(ARN), ...change }] : []
    expect(isTlsOnly({ Version: '2012-10-17', Statement }, ARN)).toBe(false)
  })
})

test('names begin with the partition of the region', () => {
  expect(['eu-west-1', 'cn-north-1', 'us-gov-east-1'].map(partitionOf)).toEqual(['aws', 'aws-cn', 'aws-us-gov'])
})

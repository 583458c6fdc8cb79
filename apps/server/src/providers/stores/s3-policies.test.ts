import { describe, expect, test } from 'vitest'
import { LAYOUT_PRESETS } from '../../domain/key-layout-presets.ts'
import { prefixesOf } from './admin.ts'
import { accessDocuments, trustPolicy } from './s3-policies.ts'
import { s3Settings } from './s3-settings.ts'

const layout = (name: string) => LAYOUT_PRESETS.find((each) => each.name === name)!
const kept = (settings: object, names: string[], more: object = {}) =>
  accessDocuments(s3Settings.parse({ bucket: 'files', region: 'eu-central-1', ...settings }), {
    storeId: 'eu',
    layouts: names.map(layout),
    ...more,
  })
const statements = (document: object | undefined) =>
  (document as { Statement: { Action: string[]; Resource: string | string[] }[] }).Statement
const roleOf = (documents: ReturnType<typeof kept>, role: string) =>
  statements(documents.find((each) => each.role === `stowage-eu-${role}`)?.document)
const actionsOf = (documents: ReturnType<typeof kept>, role: string) =>
  roleOf(documents, role).flatMap(({ Action }) => Action)

describe('the prefixes of a layout', () => {
  test.each([
    ['default', ['*/']],
    ['dated', ['*/']],
    ['security_firms', ['security_firms/*/']],
    ['user', ['users/*/']],
    ['flat', ['uploaded/', 'restored/', 'thumbnails/', 'animated/', 'meta/']],
  ])('of %s are %j', (name, prefixes) => {
    expect(prefixesOf(layout(name))).toEqual(prefixes)
  })
})

describe('the service’s policy', () => {
  test('reaches objects under the layouts in use and staged ones alone', () => {
    const [objects] = roleOf(kept({}, ['user', 'security_firms']), 'service')
    expect(objects!.Resource).toEqual([
      'arn:aws:s3:::files/users/*/*',
      'arn:aws:s3:::files/security_firms/*/*',
      'arn:aws:s3:::files/staging/*',
    ])
  })

  test('has no right over the bucket’s settings and none around a lock', () => {
    const actions = actionsOf(kept({ objectLock: true }, ['default']), 'service')
    expect(actions.filter((action) => /\*|Bypass|s3:PutBucket|DeleteBucket|Lifecycle|Acl/i.test(action))).toEqual([])
    expect(actions).toContain('s3:PutObjectLegalHold')
  })

  test('asks for a lock, an archive, a key or a role only where they are configured', () => {
    const plain = actionsOf(kept({ storageClasses: [] }, ['default']), 'service')
    expect(plain.filter((action) => /Lock|Hold|Retention|Restore|kms|sts/.test(action))).toEqual([])
    const rich = { storageClasses: ['GLACIER'], roleArn: 'arn:aws:iam::1:role/narrow' }
    const all = actionsOf(kept(rich, ['default'], { kmsKey: 'arn:aws:kms:eu-central-1:1:key/k' }), 'service')
    expect(all).toEqual(expect.arrayContaining(['s3:RestoreObject', 'kms:Decrypt', 'sts:AssumeRole']))
  })
})

test('an inbox is read and cleared, and a queue read, only where the settings name them', () => {
  const queueUrl = 'https://sqs.eu-central-1.amazonaws.com/123456789012/events'
  const service = roleOf(kept({}, ['user'], { inbox: 'inbox/', queueUrl }), 'service')
  const resources = service.flatMap(({ Resource }) => Resource)
  expect(resources).toContain('arn:aws:s3:::files/inbox/*')
  expect(resources).toContain('arn:aws:sqs:eu-central-1:123456789012:events')
  expect(JSON.stringify(roleOf(kept({}, ['user']), 'service'))).not.toMatch(/inbox|sqs/)
})

test('only the lock role may go around a retention, and only the set-up role may change the bucket', () => {
  const documents = kept({ objectLock: true }, ['default'])
  const holders = (action: string) =>
    documents.filter(({ document }) => statements(document).some(({ Action }) => Action.includes(action)))
  expect(holders('s3:BypassGovernanceRetention').map(({ role }) => role)).toEqual(['stowage-eu-lock'])
  expect(holders('s3:PutBucketPolicy').map(({ role }) => role)).toEqual(['stowage-eu-setup'])
  expect(actionsOf(documents, 'setup').filter((action) => /Object$/.test(action))).toEqual([])
})

test('a tenant’s policy reaches the prefix that its session’s tag names', () => {
  const [objects] = roleOf(kept({}, ['user']), 'tenant')
  const own = `users/\${aws:PrincipalTag/user}/*`
  expect(objects!.Resource).toEqual([`arn:aws:s3:::files/${own}`, `arn:aws:s3:::files/staging/${own}`])
  expect(roleOf(kept({}, ['dated']), 'tenant')[0]!.Resource).toContain(
    `arn:aws:s3:::files/\${aws:PrincipalTag/tenant}/*`,
  )
})

test('a layout that promises no prefix has no tenant’s policy', () => {
  expect(kept({}, ['flat']).map(({ role }) => role)).toEqual([
    'stowage-eu-service',
    'stowage-eu-setup',
    'stowage-eu-lock',
  ])
})

test('services are trusted by their name and everybody else by their ARN', () => {
  const trust = trustPolicy(['ec2.amazonaws.com', 'arn:aws:iam::1:user/a'], { tagged: true })
  expect(statements(trust)).toEqual([
    {
      Effect: 'Allow',
      Principal: { AWS: ['arn:aws:iam::1:user/a'], Service: ['ec2.amazonaws.com'] },
      Action: ['sts:AssumeRole', 'sts:TagSession'],
    },
  ])
})

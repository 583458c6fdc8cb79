import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { addressOf } from '../test/real-services.ts'
import { readConfig } from './config.ts'
import { doctor } from './doctor.ts'
import { iam } from './iam.ts'
import { posture } from './posture.ts'
import { provision } from './provision.ts'
import { verifyAtStart } from './verify-store.ts'

const endpoint = addressOf('s3')
const keys = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }

let data: string
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'stowage-operator-'))
})
afterAll(() => rm(data, { recursive: true }))

let printed = ''
beforeEach(() => {
  printed = ''
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
  return () => spy.mockRestore()
})

const configOf = (more: Record<string, string> = {}) => readConfig({ STOWAGE_DATA: data, ...more })

describe('with files on this machine', () => {
  test('the doctor finds all well, and there is nothing to set up', async () => {
    expect(await doctor(configOf(), [])).toBe(0)
    expect(printed).toContain('all well')
    for (const command of [provision, posture, iam]) expect(await command(configOf(), [])).toBe(0)
    expect(printed.match(/files lie on this machine/g)).toHaveLength(3)
  })

  test('the start has nothing to say', async () => {
    expect(await verifyAtStart(configOf())).toEqual([])
  })

  test('a store that is not configured is named', async () => {
    await expect(doctor(configOf(), ['eu'])).rejects.toThrow(/eu: there is no such store; there are local/)
  })

  test('a flag that nobody knows is refused', async () => {
    await expect(provision(configOf(), ['--aply'])).rejects.toThrow(/--aply/)
  })
})

describe.skipIf(!endpoint)('with a bucket of a real server', () => {
  const bucket = `stowage-operator-${randomUUID()}`
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys })
  const config = () =>
    configOf({
      STOWAGE_STORE: 'eu',
      STOWAGE_PUBLIC_URL: 'https://files.example.com',
      STOWAGE_STORES: JSON.stringify({ eu: { kind: 's3', bucket, endpoint, pathStyle: true, ...keys } }),
    })

  test('the doctor fails and offers to make it', async () => {
    expect(await doctor(config(), ['eu'])).toBe(1)
    expect(printed).toContain('stowage-server provision eu --apply')
  })

  test('the start says what is missing and what to do', async () => {
    expect(await verifyAtStart(config())).toEqual([
      { storeId: 'eu', level: 'problem', words: expect.stringMatching(/no such bucket.*provision eu --apply/s) },
    ])
  })

  test.each([[[]], [['--dry-run']], [['--apply', '--dry-run']]])('provision %j changes nothing', async (flags) => {
    expect(await provision(config(), flags)).toBe(0)
    expect(printed).toMatch(/0 already so, 9 to do/)
    await expect(client.send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toThrow()
  })

  test('provision --apply makes it once, and posture and doctor are content', async () => {
    expect(await provision(config(), ['--apply'])).toBe(0)
    expect(printed).toMatch(/1 already so, 5 changed, 3 that cannot be done here/)
    await provision(config(), ['--apply'])
    expect(printed).toMatch(/6 already so, 0 changed, 3 that cannot be done here/)
    expect(await posture(config(), [])).toBe(0)
    expect(await verifyAtStart(config())).toEqual([])
    expect(await doctor(config(), ['eu'])).toBe(0)
    expect(printed).toContain('✓ pages of https://files.example.com may upload and read')
  })

  test('posture fails with the reason and how to mend it', async () => {
    const before = await client.send(new GetPublicAccessBlockCommand({ Bucket: bucket }))
    const PublicAccessBlockConfiguration = { ...before.PublicAccessBlockConfiguration, IgnorePublicAcls: false }
    await client.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration }))
    expect(await posture(config(), [])).toBe(1)
    expect(printed).toContain('✗ public access is blocked: IgnorePublicAcls is off')
    expect(printed).toContain('mend: PutPublicAccessBlock')
  })

  test('iam prints each policy of the layouts that are named', async () => {
    expect(await iam(config(), ['--layout', 'user'])).toBe(0)
    expect(printed).toContain(`arn:aws:s3:::${bucket}/users/*/*`)
    expect(printed).toContain(`\${aws:PrincipalTag/tenant}`)
    expect(await iam(config(), ['--apply'])).toBe(1)
    expect(printed).toContain('--trust')
  })

  test('no secret is printed by any of them', async () => {
    for (const command of [provision, posture, iam, doctor]) await command(config(), [])
    expect(printed).not.toContain(keys.secretAccessKey)
  })
})

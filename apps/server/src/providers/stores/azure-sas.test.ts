import { StorageSharedKeyCredential, type UserDelegationKey } from '@azure/storage-blob'
import { describe, expect, test } from 'vitest'
import { createSigner } from './azure-sas.ts'
import { MAX_PRESIGN_SECONDS } from './port.ts'

const START = Date.parse('2026-03-01T12:00:00.500Z')
const DAY_MS = 86_400_000

function delegatedSigner() {
  const clock = { now: START }
  const asked: [startsOn: Date, expiresOn: Date][] = []
  const sign = createSigner({
    container: 'files',
    account: 'acme',
    url: 'https://acme.blob.core.windows.net/files',
    now: () => clock.now,
    fetchKey: async (startsOn, expiresOn) => {
      asked.push([startsOn, expiresOn])
      return delegationKey(startsOn, expiresOn)
    },
  })
  const read = (expiresInSeconds: number) => sign('a/b c', { permission: 'r', expiresInSeconds })
  return { clock, asked, read }
}

function delegationKey(signedStartsOn: Date, signedExpiresOn: Date): UserDelegationKey {
  return {
    signedObjectId: 'object',
    signedTenantId: 'tenant',
    signedStartsOn,
    signedExpiresOn,
    signedService: 'b',
    signedVersion: '2025-01-05',
    value: Buffer.from('secret').toString('base64'),
  }
}

describe('a signer without an account key', () => {
  test('signs one blob with a key of the identity, for HTTPS alone', async () => {
    const { read } = delegatedSigner()
    const { url, expiresAt } = await read(60)
    const { origin, pathname, searchParams } = new URL(url)
    expect(origin + pathname).toBe('https://acme.blob.core.windows.net/files/a/b%20c')
    expect(Object.fromEntries(searchParams)).toMatchObject({
      sr: 'b',
      sp: 'r',
      spr: 'https',
      se: '2026-03-01T12:01:00Z',
      skoid: 'object',
      sktid: 'tenant',
    })
    expect(expiresAt).toEqual(new Date('2026-03-01T12:01:00Z'))
  })

  test('keeps its key for as long as it outlives what is signed', async () => {
    const { clock, asked, read } = delegatedSigner()
    await read(60)
    clock.now += DAY_MS / 2
    await read(3600)
    expect(asked).toHaveLength(1)
    clock.now += DAY_MS / 2
    await read(3600)
    expect(asked).toHaveLength(2)
  })

  test('asks for no key that lives longer than 7 days, and says when a request ends sooner for it', async () => {
    const { asked, read } = delegatedSigner()
    const { url, expiresAt } = await read(MAX_PRESIGN_SECONDS)
    const [[startsOn, expiresOn]] = asked as [(typeof asked)[number]]
    expect(expiresOn.getTime() - startsOn.getTime()).toBe(MAX_PRESIGN_SECONDS * 1000)
    expect(expiresAt).toEqual(expiresOn)
    expect(new URL(url).searchParams.get('se')).toBe(`${expiresOn.toISOString().slice(0, 19)}Z`)
  })
})

describe('a signer with an account key', () => {
  const sign = createSigner({
    container: 'files',
    account: 'acme',
    url: 'https://acme.blob.core.windows.net/files',
    key: new StorageSharedKeyCredential('acme', Buffer.from('secret').toString('base64')),
    fetchKey: () => Promise.reject(new Error('is not asked')),
    now: () => START,
  })

  test('signs the right to create and no other', async () => {
    const { url } = await sign('a', { permission: 'c', expiresInSeconds: 60 })
    expect(new URL(url).searchParams.get('sp')).toBe('c')
  })

  test.each([0, -1, 1.5, MAX_PRESIGN_SECONDS + 1])('refuses a life of %d seconds', async (expiresInSeconds) => {
    const signing = sign('a', { permission: 'r', expiresInSeconds })
    await expect(signing).rejects.toMatchObject({ kind: 'unsupported' })
  })
})

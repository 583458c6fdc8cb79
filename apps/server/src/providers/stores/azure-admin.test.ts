import { randomUUID } from 'node:crypto'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf } from '../../../test/real-services.ts'
import { LAYOUT_PRESETS } from '../../domain/key-layout-presets.ts'
import type { StoreAdmin, WantedStore } from './admin.ts'
import { openAzureStore } from './azure.ts'
import { openAzureAdmin } from './azure-admin.ts'
import { azureSettings } from './azure-client.ts'
import { accessDocuments } from './azure-roles.ts'
import { examine } from './examination.ts'

const endpoint = addressOf('azure')

/** azurite's account, which everybody knows. */
const account = 'devstoreaccount1'
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const wanted: WantedStore = { versioning: false, objectLock: false, origins: [`https://${randomUUID()}.example.com`] }

describe.skipIf(!endpoint)('a container of Azure', () => {
  const container = `admin-${randomUUID()}`
  const settings = { account, accountKey, endpoint: endpoint!, container }
  const service = endpoint
    ? new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey))
    : undefined
  let admin: StoreAdmin
  beforeAll(() => {
    admin = openAzureAdmin(azureSettings.parse(settings))
  })
  afterAll(async () => {
    await admin.close()
    await service!.deleteContainer(container)
  })
  const applyAll = async () => {
    const states = []
    for (const step of await admin.plan(wanted)) {
      const outcome = await step.apply()
      states.push(outcome.state === 'cannot' ? 'cannot' : outcome.changed ? 'changed' : 'same')
    }
    return states
  }
  const wrongOnes = async () =>
    (await admin.posture(wanted)).filter(({ verdict }) => verdict === 'wrong').map(({ title }) => title)

  test('that is not there is diagnosed as such', async () => {
    const failure = await admin.contact().catch((error: unknown) => error)
    expect(await admin.diagnose(failure)).toBe('noBucket')
  })

  test('is made as wanted, twice the same, and what belongs to the account is not taken for done', async () => {
    const first = await applyAll()
    expect(first.filter((each) => each === 'changed').length).toBeGreaterThan(1)
    expect(await applyAll()).toEqual(first.map((each) => (each === 'changed' ? 'same' : each)))
    const cannot = (await admin.plan(wanted)).filter(({ state }) => state === 'cannot')
    expect(cannot.length).toBeGreaterThan(2)
    expect(cannot.every(({ setting }) => setting.startsWith('az storage'))).toBe(true)
  })

  test('fails the check when it is made public', async () => {
    expect(await wrongOnes()).toEqual([])
    await service!.getContainerClient(container).setAccessPolicy('blob')
    expect(await wrongOnes()).toEqual([expect.stringContaining('public access')])
    await applyAll()
    expect(await wrongOnes()).toEqual([])
  })

  test('fails the check when its pages are no longer allowed, and keeps the rules of others', async () => {
    const { cors = [] } = await service!.getProperties()
    const theirs = {
      allowedOrigins: 'https://theirs.example',
      allowedMethods: 'GET',
      allowedHeaders: '',
      exposedHeaders: 'x-theirs',
      maxAgeInSeconds: 5,
    }
    await service!.setProperties({ cors: [theirs] })
    expect(await wrongOnes()).toEqual([expect.stringContaining('pages of')])
    await applyAll()
    const after = (await service!.getProperties()).cors ?? []
    expect(after.map(({ allowedOrigins }) => allowedOrigins)).toEqual([theirs.allowedOrigins, wanted.origins[0]])
    await service!.setProperties({ cors })
  })

  test('passes the examination of everything that this server has', async () => {
    const store = openAzureStore(settings)
    const failed = []
    for await (const check of examine({ store, admin, origins: [], now: Date.now })) {
      if (check.outcome === 'failed') failed.push(check)
    }
    expect(failed).toEqual([])
    await store.close()
  })

  test('that is asked with another key is diagnosed as such', async () => {
    const other = openAzureAdmin(
      azureSettings.parse({ ...settings, accountKey: Buffer.from('another').toString('base64') }),
    )
    const failure = await other.contact().catch((error: unknown) => error)
    expect(await other.diagnose(failure)).toBe('wrongKey')
  })
})

test('the service’s role has no right over the container, and its assignment names the paths in use', () => {
  const layouts = LAYOUT_PRESETS.filter(({ name }) => name === 'user')
  const documents = accessDocuments('acct', 'files', { storeId: 'azure', layouts })
  const [role, assignment] = documents.map(({ document }) => document as Record<string, unknown>)
  expect(JSON.stringify(role)).not.toContain('containers/write')
  expect(assignment!['condition']).toContain(`StringLike 'users/*/*'`)
  expect(assignment!['condition']).toContain(`StringLike 'staging/*'`)
})

import { randomUUID } from 'node:crypto'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { BlobServiceClient } from '@azure/storage-blob'
import { Storage } from '@google-cloud/storage'
import { startGcsServer } from './gcs/server.ts'
import { addressOf } from './real-services.ts'

/** Settings of a server whose files lie in one kind of store, in a bucket of its own. */
export interface StoreSettings {
  settings: Record<string, string>
  close(): Promise<void>
}

type Open = () => Promise<StoreSettings>

export const S3_KEYS = { accessKeyId: 'testaccesskey01', secretAccessKey: 'testsecretkey0123456789abcdefghij' }
/** Azurite's well-known account. */
export const AZURE_ACCOUNT = {
  account: 'devstoreaccount1',
  accountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
}

const kinds: Record<string, Open> = {
  local: async () => ({ settings: {}, close: async () => {} }),
  memory: async () => ({ settings: { STOWAGE_STORE: 'memory' }, close: async () => {} }),
  database: async () => ({ settings: { STOWAGE_STORE: 'database' }, close: async () => {} }),
  s3: async () => {
    const endpoint = addressOf('s3') as string
    const bucket = bucketName()
    await makeBucket(endpoint, bucket)
    return stored({ kind: 's3', bucket, endpoint, pathStyle: true, ...S3_KEYS })
  },
  azure: async () => {
    const endpoint = addressOf('azure') as string
    const container = bucketName()
    const { account, accountKey } = AZURE_ACCOUNT
    const text = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${endpoint};`
    await BlobServiceClient.fromConnectionString(text).createContainer(container)
    return stored({ kind: 'azure', container, endpoint, account, accountKey })
  },
  gcs: async () => {
    const server = await startGcsServer()
    const bucket = bucketName()
    const { url: apiEndpoint, credentials } = server
    const sdk = new Storage({ apiEndpoint, projectId: 'tests', credentials, useAuthWithCustomEndpoint: true })
    await sdk.createBucket(bucket)
    const { settings } = stored({ kind: 'gcs', bucket, endpoint: server.url, credentials: server.credentials })
    return { settings, close: () => server.close() }
  },
}

function stored(store: object): StoreSettings {
  const settings = { STOWAGE_STORE: 'tested', STOWAGE_STORES: JSON.stringify({ tested: store }) }
  return { settings, close: async () => {} }
}

function bucketName(): string {
  return `stowage-${randomUUID()}`
}

export async function makeBucket(endpoint: string, bucket: string): Promise<void> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: S3_KEYS })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
}

/** Opens a place for files in a kind of store: `local`, `memory`, `database`, `s3`, `azure` or `gcs`. */
export async function openStoreSettings(kind: string): Promise<StoreSettings> {
  const open = kinds[kind]
  if (!open) throw new Error(`there is no kind of store called ${kind}`)
  return open()
}

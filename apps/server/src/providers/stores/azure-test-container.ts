import { randomUUID } from 'node:crypto'
import { BlobServiceClient, type ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { addressOf } from '../../../test/real-services.ts'

/** Where azurite is, or undefined where it was not started. */
export const azureAddress = addressOf('azure')

/** azurite's account, which everybody knows. */
export const account = {
  account: 'devstoreaccount1',
  accountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
}

export interface TestContainer {
  settings: typeof account & { endpoint: string; container: string }
  /** The container without the store. */
  client: ContainerClient
  drop(): Promise<void>
}

/** Makes a container that nobody else uses. */
export async function newContainer(): Promise<TestContainer> {
  const credential = new StorageSharedKeyCredential(account.account, account.accountKey)
  const client = new BlobServiceClient(azureAddress!, credential).getContainerClient(`t-${randomUUID()}`)
  await client.create()
  return {
    settings: { ...account, endpoint: azureAddress!, container: client.containerName },
    client,
    drop: async () => void (await client.delete()),
  }
}

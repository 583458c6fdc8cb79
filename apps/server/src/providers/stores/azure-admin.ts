import { BlobServiceClient, type CorsRule, RestError, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { z } from 'zod'
import {
  type Contact,
  isInsecure,
  STAGING_PREFIX,
  type StoreAdmin,
  UNFINISHED_DAYS,
  type WantedStore,
} from './admin.ts'
import type { Diagnosis } from './advice.ts'
import { type AzureConnection, type azureSettings, connect } from './azure-client.ts'
import { asking } from './azure-errors.ts'
import { accessDocuments } from './azure-roles.ts'
import { type BucketSetting, cannot, findingsOf, planOf, RIGHT, wrong } from './bucket-settings.ts'
import { diagnoseNetwork } from './diagnosis.ts'
import { StoreError } from './port.ts'

type Settings = z.output<typeof azureSettings>

const BY_CODE: Readonly<Record<string, Diagnosis>> = {
  ContainerNotFound: 'noBucket',
  AuthenticationFailed: 'wrongKey',
  InvalidAuthenticationInfo: 'wrongKey',
  NoAuthenticationInformation: 'wrongKey',
  KeyBasedAuthenticationNotPermitted: 'wrongKey',
}

/**
 * Sets up and judges a container of Azure Blob Storage, with the store's own credentials. Most of what makes it safe are
 * settings of the storage account, which this protocol does not reach: those are shown with the command that makes them.
 */
export function openAzureAdmin(settings: Settings): StoreAdmin {
  const connection = connect(settings)
  const { container } = connection
  const service = new BlobServiceClient(container.url.replace(/\/[^/]*$/, ''), container.credential, {
    retryOptions: { maxTries: 1 },
  })
  const rowsOf = (wanted: WantedStore) =>
    [existence(connection), containerRows(connection, service, settings, wanted)] as const
  return {
    place: container.url,
    plan: (wanted) => planOf(...rowsOf(wanted)),
    posture: (wanted) => findingsOf(...rowsOf(wanted)),
    policies: (needs) => accessDocuments(service.accountName, container.containerName, needs),
    createRoles: async () => {
      throw new StoreError(
        'unsupported',
        'Role assignments are not part of the storage protocol: run the printed commands',
      )
    },
    contact: () => contact(connection, settings),
    diagnose: async (error) => diagnose(error, container.credential instanceof StorageSharedKeyCredential),
    refusesWrongChecksum: (key) => refusesWrongChecksum(connection, key),
    excessRights: async () => ({ known: false, reason: 'role assignments are not part of the storage protocol' }),
    close: async () => connection.close(),
  }
}

function existence({ container }: AzureConnection): BucketSetting {
  return {
    title: `the container ${container.containerName} is there, in the account’s region`,
    why: 'Everything lies in it. Where it lies was decided with the account.',
    setting: `Create Container ${container.containerName}, without public access`,
    read: async () =>
      (await asking(undefined, () => container.exists())) ? RIGHT : wrong('there is no such container'),
    write: async () => {
      await asking(undefined, () => container.create())
    },
  }
}

function containerRows(
  { container }: AzureConnection,
  service: BlobServiceClient,
  settings: Settings,
  { origins, versioning, objectLock }: WantedStore,
): BucketSetting[] {
  const account = service.accountName
  const update = (flag: string) => `az storage account update --name ${account} ${flag}`
  const keepsVersions = versioning || objectLock || settings.immutability
  return [
    {
      title: 'public access is off',
      why: 'Files are given out by the service and by signed URLs; nothing may become public by a slip.',
      setting: 'Set Container ACL, without x-ms-blob-public-access',
      read: async () => {
        const { blobPublicAccess } = await asking(undefined, () => container.getProperties())
        return blobPublicAccess === undefined ? RIGHT : wrong(`it is open to everybody (${blobPublicAccess})`)
      },
      write: async () => {
        const { signedIdentifiers } = await asking(undefined, () => container.getAccessPolicy())
        await asking(undefined, () => container.setAccessPolicy(undefined, signedIdentifiers as never))
      },
    },
    accountRow('requests without TLS are refused', update('--https-only true --min-tls-version TLS1_2'), container.url),
    accountRow('no container can be made public', update('--allow-blob-public-access false')),
    ...(keepsVersions
      ? [
          accountRow(
            'versioning is on',
            `az storage account blob-service-properties update --account-name ${account} --enable-versioning true`,
          ),
        ]
      : []),
    ...(objectLock || settings.immutability
      ? [
          accountRow(
            'version-level immutability is on',
            `az storage container-rm create --name ${container.containerName} --storage-account ${account} --enable-vlw`,
          ),
        ]
      : []),
    ...(origins.length > 0 ? [cors(service, origins)] : []),
    accountRow(`staged bytes go after ${UNFINISHED_DAYS} days`, lifecycleCommand(account, container.containerName)),
  ]
}

function lifecycleCommand(account: string, container: string): string {
  const rule = {
    enabled: true,
    name: 'stowage-staging',
    type: 'Lifecycle',
    definition: {
      filters: { blobTypes: ['blockBlob'], prefixMatch: [`${container}/${STAGING_PREFIX}`] },
      actions: { baseBlob: { delete: { daysAfterCreationGreaterThan: UNFINISHED_DAYS } } },
    },
  }
  return `az storage account management-policy create --account-name ${account} --policy '${JSON.stringify({ rules: [rule] })}' (add it to the rules that are there)`
}

/** A setting of the account: shown, never taken for done. */
function accountRow(title: string, command: string, url?: string): BucketSetting {
  const isWrong = url !== undefined && isInsecure(url)
  return {
    title,
    why: 'It is a setting of the storage account, which this protocol does not reach.',
    setting: command,
    read: async () =>
      isWrong
        ? cannot('the endpoint is http', 'use an https endpoint')
        : cannot(`a setting of the account: ${command}`),
    write: async () => {},
  }
}

/** CORS is the whole account's. Rules have no names: ours is known by the headers that it exposes. */
function cors(service: BlobServiceClient, origins: readonly string[]): BucketSetting {
  const ours: CorsRule = {
    allowedOrigins: origins.join(','),
    allowedMethods: 'GET,HEAD,PUT',
    allowedHeaders: '*',
    exposedHeaders: 'ETag,Content-Length,Content-Range,Content-Disposition,x-ms-request-id',
    maxAgeInSeconds: 3600,
  }
  const read = async () => (await asking(undefined, () => service.getProperties())).cors ?? []
  const isSame = (rule: CorsRule) =>
    Object.entries(ours).every(([name, value]) => String(rule[name as keyof CorsRule]) === String(value))
  return {
    title: `pages of ${origins.join(', ')} may upload and read`,
    why: 'A browser sends presigned requests to another origin only where that one allows it, and shows a page no header that is not named, ETag included.',
    setting: `Set Blob Service Properties ${JSON.stringify(ours)}, beside the rules of others`,
    read: async () => ((await read()).some(isSame) ? RIGHT : wrong('the account’s CORS rules do not say so')),
    write: async () => {
      const others = (await read()).filter((rule) => rule.exposedHeaders !== ours.exposedHeaders)
      await asking(undefined, () => service.setProperties({ cors: [...others, ours] }))
    },
  }
}

async function contact({ container }: AzureConnection, { publicEndpoint }: Settings): Promise<Contact> {
  const pages = container.listBlobsFlat().byPage({ maxPageSize: 1 })
  await asking(undefined, () => pages.next())
  return { versioning: 'unknown', insecure: [container.url, publicEndpoint].filter(isInsecure) }
}

/** @param isOwner whether an account's key is used, which may do everything: a refusal is then about the key itself */
function diagnose(error: unknown, isOwner: boolean): Diagnosis {
  const cause = error instanceof StoreError ? error.cause : error
  const code = (cause instanceof RestError && cause.code) || ''
  if (code === 'AuthorizationFailure' && isOwner) return 'wrongKey'
  return BY_CODE[code] ?? diagnoseNetwork(error)
}

async function refusesWrongChecksum({ container }: AzureConnection, key: string): Promise<boolean> {
  const blob = container.getBlockBlobClient(key)
  const transactionalContentMD5 = new Uint8Array(16)
  try {
    await asking(undefined, () => blob.upload('probe', 5, { transactionalContentMD5 } as never))
  } catch (error) {
    if (error instanceof StoreError && error.kind !== 'denied') return true
    throw error
  }
  return false
}

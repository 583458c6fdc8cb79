import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import {
  BlobServiceClient,
  type ContainerClient,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { z } from 'zod'
import { createSigner, type Signer } from './azure-sas.ts'

/** Names an exported type of an SDK that is not loaded before it is needed. */
type TokenCredential = import('@azure/identity').TokenCredential

const IDLE_SOCKETS = 64

export const azureSettings = z
  .object({
    container: z.string().min(3),
    account: z.string().min(1).optional(),
    accountKey: z.string().min(1).optional(),
    connectionString: z.string().refine(holdsKey, 'must be a connection string with an account key').optional(),
    /** Default: `https://ACCOUNT.blob.core.windows.net`. */
    endpoint: z.url().optional(),
    /** By which those that get presigned requests reach the service, where it is another than `endpoint`. */
    publicEndpoint: z.url().optional(),
    connectTimeoutMs: z.coerce.number().int().positive().default(5000),
    /** The longest that a request may stand still. */
    inactivityTimeoutMs: z.coerce.number().int().positive().default(30_000),
    /**
     * Whether the container has version-level immutability, so that legal holds and retention periods can be set. Such a
     * container keeps versions: deletion then removes these too.
     */
    immutability: z.boolean().default(false),
  })
  .refine(
    ({ account, connectionString, endpoint }) => account || connectionString || endpoint,
    'needs account, connectionString or endpoint',
  )
  .refine(({ account, accountKey }) => account || !accountKey, 'accountKey needs account')
  .refine(
    ({ accountKey, connectionString, endpoint }) => accountKey || connectionString || !endpoint?.startsWith('http:'),
    'endpoint must be https where there is no account key',
  )

function holdsKey(connectionString: string): boolean {
  try {
    return BlobServiceClient.fromConnectionString(connectionString).credential instanceof StorageSharedKeyCredential
  } catch {
    return false
  }
}

/** Settings as they are written; `azureSettings` fills in the defaults. */
export type AzureSettings = z.input<typeof azureSettings>

export interface AzureConnection {
  readonly container: ContainerClient
  /** Makes requests for others to send. */
  readonly signPublic: Signer
  /** Makes URLs by which the service itself reads a blob. */
  readonly signInternal: Signer
  close(): void
}

/** Speaks to one container. Nothing is sent before it is needed, so that only settings fail here. */
export function connect(settings: z.output<typeof azureSettings>): AzureConnection {
  const { url, credential } = accountOf(settings)
  const agent = impatientAgent(url, settings)
  // Retries are up to `retrying`, which knows what may be repeated.
  const options: StoragePipelineOptions & { agent: http.Agent } = { agent, retryOptions: { maxTries: 1 } }
  const service = new BlobServiceClient(url, credential, options)
  const container = service.getContainerClient(settings.container)
  const publicUrl = new BlobServiceClient(settings.publicEndpoint ?? url).getContainerClient(settings.container).url
  const signing = {
    container: settings.container,
    account: settings.account ?? service.accountName,
    key: credential instanceof StorageSharedKeyCredential ? credential : undefined,
    fetchKey: (startsOn: Date, expiresOn: Date, abortSignal?: AbortSignal) =>
      service.getUserDelegationKey(startsOn, expiresOn, { abortSignal }),
  }
  return {
    container,
    signInternal: createSigner({ ...signing, url: container.url }),
    signPublic: createSigner({ ...signing, url: publicUrl }),
    close: () => agent.destroy(),
  }
}

function accountOf(settings: z.output<typeof azureSettings>): {
  url: string
  credential: StorageSharedKeyCredential | TokenCredential
} {
  const { account, accountKey, connectionString, inactivityTimeoutMs } = settings
  if (connectionString) {
    const { url, credential } = BlobServiceClient.fromConnectionString(connectionString)
    return { url: settings.endpoint ?? url, credential: credential as StorageSharedKeyCredential }
  }
  const url = settings.endpoint ?? `https://${account}.blob.core.windows.net`
  if (account && accountKey) return { url, credential: new StorageSharedKeyCredential(account, accountKey) }
  return { url, credential: environmentCredential(inactivityTimeoutMs) }
}

/** Whatever the machine offers: managed identity, workload identity, environment, developer tools. */
function environmentCredential(timeoutMs: number): TokenCredential {
  let loading: Promise<TokenCredential> | undefined
  return {
    getToken: async (scopes, options) => {
      loading ??= import('@azure/identity').then(({ DefaultAzureCredential }) => new DefaultAzureCredential())
      const timeout = AbortSignal.timeout(timeoutMs)
      const given = options?.abortSignal as AbortSignal | undefined
      const abortSignal = given ? AbortSignal.any([given, timeout]) : timeout
      return (await loading).getToken(scopes, { ...options, abortSignal })
    },
  }
}

/** An agent whose connections end with `ETIMEDOUT` when they are not there in time or stand still for too long. */
function impatientAgent(
  url: string,
  { connectTimeoutMs, inactivityTimeoutMs }: { connectTimeoutMs: number; inactivityTimeoutMs: number },
): http.Agent {
  const pool = { keepAlive: true, maxFreeSockets: IDLE_SOCKETS }
  const agent = url.startsWith('https:') ? new https.Agent(pool) : new http.Agent(pool)
  const createConnection = agent.createConnection.bind(agent)
  const reuseSocket = agent.reuseSocket.bind(agent)
  const tickMs = Math.ceil(inactivityTimeoutMs / 2)
  agent.createConnection = (options, done) => {
    const socket = createConnection(options, done) as Socket
    socket.setTimeout(connectTimeoutMs).once('connect', () => socket.setTimeout(tickMs))
    endWhenQuiet(socket, tickMs)
    return socket
  }
  agent.reuseSocket = (socket, request) => {
    reuseSocket(socket, request)
    ;(socket as Socket).setTimeout(tickMs) // the agent has set another while it was idle
  }
  return agent
}

/**
 * Ends a connection after two ticks in which nothing moved. One is not enough: a reader that takes its time is no fault of
 * the service, and the first tick after it goes on may come before its first byte.
 */
function endWhenQuiet(socket: Socket, tickMs: number): void {
  let quietTicks = 0
  let moved = 0
  socket.on('timeout', () => {
    const bytes = socket.bytesRead + socket.bytesWritten
    if (socket.isPaused()) quietTicks = 0
    else quietTicks = bytes === moved ? quietTicks + 1 : 1
    moved = bytes
    if (!socket.connecting && quietTicks < 2) return void socket.setTimeout(tickMs)
    socket.destroy(Object.assign(new Error('The connection stood still'), { code: 'ETIMEDOUT' }))
  })
}

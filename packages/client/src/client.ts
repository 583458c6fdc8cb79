import { type OperationName, type Output, operationNames } from '@stowage/contract'
import { findUploadRequestClass } from './browser-upload.ts'
import type { Connection, OutgoingRequest } from './connection.ts'
import { type Download, type DownloadOptions, downloadBytes } from './download.ts'
import {
  byteOperations,
  type CallArguments,
  type CallName,
  type CallOptions,
  callOperation,
  type Groups,
} from './operations.ts'
import { eachItem, type ItemOf, type ListInput, type ListName } from './pages.ts'
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts'
import { createSha256, type IncrementalHash } from './sha256.ts'
import type { UploadBody } from './source.ts'
import type { Uploaded } from './transfer.ts'
import { saveGeneratedText, startUpload, type TextInput, type Upload, type UploadInput } from './upload.ts'
import { findPageMemory, type UploadMemory } from './upload-memory.ts'

export type ClientOptions = {
  /** Where the server is, with the path prefix under which a proxy shows it. */
  url: string
  /** Id or slug of the organization to work in, for a platform key. */
  organization?: string
  /** The user on whose behalf a service key works. */
  actFor?: string
  /** Used for every request, uploads included. */
  fetch?: typeof fetch
  retry?: Partial<RetryPolicy>
  /** Where unfinished uploads are remembered, to go on with them. Default: in browsers localStorage, elsewhere nowhere. */
  memory?: UploadMemory
  /** A faster SHA-256 than the one in JavaScript: in Node `() => createHash('sha256')` of `node:crypto`. */
  createHash?: () => IncrementalHash
} & ({ key: string } | { token: () => Promise<string> })

interface Methods {
  /**
   * Any operation of the API that takes and gives JSON, by its name.
   *
   * @throws StowageError; the reason of `options.signal`
   */
  call<Name extends CallName>(name: Name, ...args: CallArguments<Name>): Promise<Output<Name>>
  /** Every item of a list, over all pages. @throws StowageError */
  pages<Name extends ListName>(
    name: Name,
    input?: ListInput<Name>,
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncGenerator<ItemOf<Name>>
  /**
   * Uploads a file as a new asset, or with `assetId` as a new version: what is small in one request, else in parts, a
   * long stream by tus. Whatever is lost on its way is sent again; the service keeps it once. Where uploads are
   * remembered, the same file, uploaded again after an interruption, sends only what is missing.
   *
   * @throws StowageError; TypeError for a road that cannot carry what is asked for
   */
  upload(body: UploadBody, input?: UploadInput): Upload
  /** Saves a text that a program made; without a name the service gives it one. @throws StowageError */
  saveText(content: string, input?: TextInput): Promise<Uploaded>
  /** Opens the content of an asset for reading. @throws StowageError */
  download(assetId: string, options?: DownloadOptions): Promise<Download>
}

/** The API of one server, as one principal. `client.assets.list()` is `client.call('assets.list')`, and so on. */
export type Client = Methods & Groups

/** @throws TypeError when `url` is not an HTTP address */
export function createClient(options: ClientOptions): Client {
  const connection = connectionOf(options)
  const call: Methods['call'] = (name, ...[input, callOptions]) =>
    callOperation(connection, name, (input ?? {}) as never, callOptions ?? {})
  const methods: Methods = {
    call,
    pages: (name, input, pageOptions) => {
      const page = (cursor: string | undefined) => call(name, { ...input, cursor } as never, pageOptions as never)
      return eachItem(page as never)
    },
    upload: (body, input) => startUpload(connection, body, input ?? {}),
    saveText: (content, input) => saveGeneratedText(connection, content, input ?? {}),
    download: (assetId, downloadOptions) => downloadBytes(connection, assetId, downloadOptions ?? {}),
  }
  return { ...groups(call), ...methods }
}

function groups(call: Methods['call']): Groups {
  const grouped: Record<string, Record<string, unknown>> = {}
  for (const name of operationNames().filter(isCallName)) {
    const [group, verb] = name.split('.') as [string, string]
    grouped[group] ??= {}
    grouped[group][verb] = (...args: unknown[]) => call(name, ...(args as CallArguments<typeof name>))
  }
  return grouped as Groups
}

function isCallName(name: OperationName): name is CallName {
  return !(byteOperations as readonly OperationName[]).includes(name)
}

function connectionOf(options: ClientOptions): Connection {
  if (!/^https?:$/.test(new URL(options.url).protocol)) throw new TypeError(`${options.url} is not an HTTP address`)
  const request = options.fetch ?? ((url, init) => fetch(url, init))
  return {
    url: options.url,
    token: 'key' in options ? async () => options.key : options.token,
    organization: options.organization,
    actFor: options.actFor,
    transport: (url, outgoing) => request(url, withDuplex(outgoing)),
    uploadRequestClass: options.fetch ? undefined : findUploadRequestClass(),
    retry: { ...defaultRetryPolicy, ...options.retry },
    memory: options.memory ?? findPageMemory(),
    createHash: options.createHash ?? createSha256,
  }
}

/** The Fetch standard asks for `duplex` when the body is a stream. */
function withDuplex(outgoing: OutgoingRequest): RequestInit {
  return outgoing.body instanceof ReadableStream ? ({ ...outgoing, duplex: 'half' } as RequestInit) : outgoing
}

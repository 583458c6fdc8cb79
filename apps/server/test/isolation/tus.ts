import { fieldPlaces, getOperation, type OperationName } from '@stowage/contract'
import type { Input } from './command.ts'

/** A request of tus 1.0, which says in headers what others say in the address and the body. */
interface TusRequest {
  method: string
  address: URL
  headers: Record<string, string>
  body: string | undefined
}

/** What tus does under other methods than the operations' own. */
const methods: Partial<Record<OperationName, string>> = { 'uploads.get': 'HEAD', 'uploads.cancel': 'DELETE' }

export function isTus(operation: OperationName, input: Input): boolean {
  return operation.startsWith('resumable.') || input['tus'] === true
}

export function tusRequest(url: string, operation: OperationName, input: Input): TusRequest {
  const begins = operation === 'resumable.create'
  const { path, method } = getOperation(begins ? operation : 'resumable.append')
  const address = new URL(path.replace('{uploadId}', encodeURIComponent(String(input['uploadId']))), url)
  const headers = { 'tus-resumable': '1.0.0', ...(begins && beginning(input)) }
  const { offset = 0, sendsBytes } = input as { offset?: number; sendsBytes?: number }
  if (sendsBytes === undefined) return { method: methods[operation] ?? method, address, headers, body: undefined }
  const piece = { 'content-type': 'application/offset+octet-stream', ...(!begins && { 'upload-offset': `${offset}` }) }
  const body = String(input['content']).slice(offset, offset + sendsBytes)
  return { method, address, headers: { ...headers, ...piece }, body }
}

function beginning(input: Input): Record<string, string> {
  const fields = fieldPlaces(getOperation('resumable.create')).query.filter(
    (field) => field in input && field !== 'sizeBytes',
  )
  const pairs = fields.map((field) => `${field} ${Buffer.from(String(input[field])).toString('base64')}`)
  return { 'upload-length': String(input['sizeBytes']), 'upload-metadata': pairs.join(',') }
}

/** What an answer of tus says: how far the upload is, and which asset was made of it. */
export function tusAnswer(headers: Headers): { offset: number; assetId: string | null } {
  return { offset: Number(headers.get('upload-offset')), assetId: headers.get('stowage-asset') }
}

import { GetObjectCommand, PutObjectCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { requirePartNumber } from './part-number.ts'
import {
  MAX_PRESIGN_SECONDS,
  type PresignGetOptions,
  type PresignOptions,
  type PresignPartOptions,
  type PresignPostOptions,
  type PresignPutOptions,
  type SignedForm,
  type SignedRequest,
  StoreError,
  type StoreKey,
} from './port.ts'
import type { S3Place } from './s3-client.ts'
import { asked } from './s3-errors.ts'
import { segmentsOf } from './store-key.ts'

type Signable = GetObjectCommand | PutObjectCommand | UploadPartCommand

export async function presignGet(place: S3Place, key: StoreKey, options: PresignGetOptions): Promise<SignedRequest> {
  const { contentDisposition, contentType, cacheControl } = options
  const command = new GetObjectCommand({
    ...place.at,
    Key: key,
    ResponseContentDisposition: contentDisposition,
    ResponseContentType: contentType,
    ResponseCacheControl: cacheControl,
  })
  return signed(place, key, command, 'GET', {}, options)
}

export async function presignPut(place: S3Place, key: StoreKey, options: PresignPutOptions): Promise<SignedRequest> {
  const { sizeBytes, sha256, contentType } = options
  const checksum = sha256 === undefined ? undefined : Buffer.from(sha256, 'hex').toString('base64')
  const command = new PutObjectCommand({
    ...place.at,
    Key: key,
    ContentLength: sizeBytes,
    ContentType: contentType,
    ChecksumSHA256: checksum,
    IfNoneMatch: '*',
  })
  const headers = {
    'if-none-match': '*',
    ...(contentType ? { 'content-type': contentType } : {}),
    ...(checksum ? { 'x-amz-checksum-sha256': checksum } : {}),
  }
  return signed(place, key, command, 'PUT', headers, options)
}

export async function presignPart(place: S3Place, key: StoreKey, options: PresignPartOptions): Promise<SignedRequest> {
  const { reference, number, sizeBytes } = options
  requirePartNumber(number)
  const part = { UploadId: reference, PartNumber: number, ContentLength: sizeBytes }
  return signed(place, key, new UploadPartCommand({ ...place.at, Key: key, ...part }), 'PUT', {}, options)
}

/** @param headers those that the sender must send; the size of its body goes without saying */
async function signed(
  place: S3Place,
  key: StoreKey,
  command: Signable,
  method: 'GET' | 'PUT',
  headers: Record<string, string>,
  options: PresignOptions,
): Promise<SignedRequest> {
  segmentsOf(key)
  const { client, expiresIn, expiresAt } = await signer(place, options)
  const names = new Set(Object.keys(headers))
  const told = { expiresIn, signableHeaders: new Set([...names, 'host', 'content-length']), unhoistableHeaders: names }
  const url = await asked(options.signal, () => getSignedUrl(client, command as PutObjectCommand, told))
  return { method, url, headers, expiresAt }
}

export async function presignPost(place: S3Place, key: StoreKey, options: PresignPostOptions): Promise<SignedForm> {
  segmentsOf(key && `${key}content`)
  const { minBytes, maxBytes, contentType, signal } = options
  const { client, expiresIn, expiresAt } = await signer(place, options)
  const { url, fields } = await asked(signal, () =>
    createPresignedPost(client, {
      Bucket: place.settings.bucket,
      Key: `${key}\${filename}`,
      Conditions: [
        ['content-length-range', minBytes, maxBytes],
        ...(contentType ? [] : [['starts-with', '$Content-Type', ''] as ['starts-with', string, string]]),
      ],
      Fields: contentType ? { 'Content-Type': contentType } : {},
      Expires: expiresIn,
    }),
  )
  const anyType = { 'Content-Type': contentType ?? 'application/octet-stream' }
  return { url, fields: { ...anyType, ...fields, key: `${key}content` }, expiresAt }
}

/** A request that is signed with credentials of a session ends with them. */
async function signer(
  place: S3Place,
  options: PresignOptions,
): Promise<{ client: S3Client; expiresIn: number; expiresAt: Date }> {
  const { expiresInSeconds, signal } = options
  if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > MAX_PRESIGN_SECONDS) {
    throw new StoreError('unsupported', `A presigned request lives 1 to ${MAX_PRESIGN_SECONDS} seconds`)
  }
  const { presign: client } = await place.clientsFor(options)
  const { expiration } = await asked(signal, () => client.config.credentials())
  const latest = Date.now() + expiresInSeconds * 1000
  const expiresAt = new Date(Math.min(latest, expiration?.getTime() ?? latest))
  return { client, expiresIn: expiresInSeconds, expiresAt }
}

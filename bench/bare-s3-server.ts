import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

/**
 * The least that a file in an S3 server can cost, by Amazon's SDK alone: bodies stream through, or are sent and fetched
 * by requests that are signed here. No accounts, no database, no hash, no check of what arrived. What the service is
 * measured against when its files lie in the same server.
 *
 * usage: node bare-s3-server.ts ENDPOINT BUCKET, with credentials in the environment; prints its port
 */
const [, , endpoint, bucket] = process.argv as [string, string, string, string]

/** Signed, and none of its headers is asked of the sender. */
const SIGNED = { expiresIn: 60 }

// The service adds checksums only where the protocol asks for them, too.
const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})
/** Uploads in parts by their key. */
const open = new Map<string, string>()

type Answer = (key: string, request: IncomingMessage, response: ServerResponse) => Promise<unknown>

const routes: readonly [method: string, path: RegExp, status: number, answer: Answer][] = [
  ['POST', /^\/v1\/assets$/, 201, receive],
  ['POST', /^\/v1\/uploads$/, 201, begin],
  ['POST', /^\/v1\/uploads\/([^/]+)\/parts$/, 200, signParts],
  ['POST', /^\/v1\/uploads\/([^/]+)\/complete$/, 202, complete],
  ['GET', /^\/([^/?]+)\?redirect=false$/, 200, deliver],
  ['GET', /^\/([^/?]+)$/, 302, redirect],
]

const server = createServer((request, response) => {
  respond(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(500)
    response.end(String(error))
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [method, path, status, answer] of routes) {
    const found = request.method === method ? path.exec(request.url as string) : null
    if (!found) continue
    const result = await answer(found[1] ?? randomUUID(), request, response)
    if (response.headersSent) return
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(result))
    return
  }
  response.writeHead(404).end()
}

async function receive(key: string, request: IncomingMessage) {
  const ContentLength = Number(request.headers['content-length'])
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: request, ContentLength }))
  return { id: key }
}

async function deliver(key: string, _request: IncomingMessage, response: ServerResponse) {
  const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': ContentLength })
  await pipeline(Body as Readable, response)
}

async function redirect(key: string, _request: IncomingMessage, response: ServerResponse) {
  const location = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }), SIGNED)
  response.writeHead(302, { location }).end()
}

async function begin(key: string, request: IncomingMessage) {
  const { strategy, sizeBytes, mediaType } = (await json(request)) as Record<string, unknown>
  const named = { Bucket: bucket, Key: key, ContentType: mediaType as string }
  if (strategy === 'multipart') {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(named))
    open.set(key, UploadId as string)
    return { id: key }
  }
  const command = new PutObjectCommand({ ...named, ContentLength: sizeBytes as number })
  return { id: key, request: { method: 'PUT', url: await getSignedUrl(client, command, SIGNED), headers: {} } }
}

async function signParts(key: string, request: IncomingMessage) {
  const { numbers } = (await json(request)) as { numbers: number[] }
  const sign = async (number: number) => {
    const command = new UploadPartCommand({ Bucket: bucket, Key: key, UploadId: open.get(key), PartNumber: number })
    return { number, method: 'PUT', url: await getSignedUrl(client, command, SIGNED), headers: {} }
  }
  return { items: await Promise.all(numbers.map(sign)) }
}

async function complete(key: string) {
  const UploadId = open.get(key)
  if (UploadId === undefined) return { state: 'done' }
  const upload = { Bucket: bucket, Key: key, UploadId }
  const { Parts = [] } = await client.send(new ListPartsCommand(upload))
  const parts = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
  await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }))
  open.delete(key)
  return { state: 'done' }
}

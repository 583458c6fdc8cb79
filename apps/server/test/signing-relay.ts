import { createHash, createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { webhookKey, webhookSignature } from '../src/domain/standard-webhook.ts'
import { S3_KEYS } from './store-settings.ts'

/** What docs/how-to/store-events.md shows: takes what a store posts and passes it on signed. */
export async function startRelay(target: string, secret: string) {
  const key = webhookKey(secret) as Buffer
  const passed: { status: number; body: string }[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces)
    const [id, timestamp] = [randomUUID(), String(Math.floor(Date.now() / 1000))]
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': webhookSignature(key, id, timestamp, body),
    }
    const { status } = await fetch(target, { method: 'POST', body, headers })
    passed.push({ status, body: body.toString() })
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    passed,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * Makes a topic of a RadosGW that posts what happens to an address. Its API is the one of SNS: an action in a form,
 * signed as AWS signs ("Signature Version 4 signing process").
 *
 * @returns the topic's ARN
 */
export async function makeTopic(endpoint: string, name: string, pushEndpoint: string): Promise<string> {
  const attribute = { 'Attributes.entry.1.key': 'push-endpoint', 'Attributes.entry.1.value': pushEndpoint }
  const body = new URLSearchParams({ Action: 'CreateTopic', Name: name, ...attribute }).toString()
  const response = await fetch(endpoint, { method: 'POST', body, headers: signedForm(endpoint, body) })
  const text = await response.text()
  const arn = /<TopicArn>(.+?)<\/TopicArn>/.exec(text)?.[1]
  if (!arn) throw new Error(`no topic: ${response.status} ${text}`)
  return arn
}

function signedForm(endpoint: string, body: string): Record<string, string> {
  const at = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const scope = `${at.slice(0, 8)}/us-east-1/sns/aws4_request`
  const type = 'application/x-www-form-urlencoded'
  const signed = `content-type:${type}\nhost:${new URL(endpoint).host}\nx-amz-date:${at}\n`
  const names = 'content-type;host;x-amz-date'
  const canonical = `POST\n/\n\n${signed}\n${names}\n${sha256(body)}`
  const key = scope
    .split('/')
    .reduce<Buffer>((secret, part) => hmac(secret, part), Buffer.from(`AWS4${S3_KEYS.secretAccessKey}`))
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`).toString('hex')
  const credential = `${S3_KEYS.accessKeyId}/${scope}`
  return {
    'content-type': type,
    'x-amz-date': at,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

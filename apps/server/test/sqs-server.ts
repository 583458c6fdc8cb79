import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A queue that speaks as much of the AWS JSON 1.0 protocol of Amazon SQS as a reader needs, written from the API
 * reference of ReceiveMessage and DeleteMessage. It stands in for SQS itself, which cannot be had here: signatures are
 * not checked, and a lease ends when `endLeases` says so.
 */
export interface SqsServer {
  url: string
  send(body: string): void
  /** Messages that were not deleted, delivered or not. */
  kept(): string[]
  /** Makes what was delivered and not deleted be delivered again, under another handle. */
  endLeases(): void
  /** Answers with 500 as often. */
  fail(times: number): void
  /** What was asked, by operation. */
  asked: Record<string, number>
  close(): Promise<void>
}

interface Kept {
  body: string
  /** Of its latest delivery; undefined while it waits. */
  handle: string | undefined
}

const TARGET = 'AmazonSQS.'

export async function startSqsServer(): Promise<SqsServer> {
  let messages: Kept[] = []
  let failures = 0
  const asked: Record<string, number> = {}
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const go of waiting) go()
  }

  const operations: Record<string, (input: Record<string, unknown>) => Promise<[number, object]>> = {
    async ReceiveMessage({ MaxNumberOfMessages = 1, WaitTimeSeconds = 0 }) {
      if (!messages.some(({ handle }) => handle === undefined)) await arrival(Number(WaitTimeSeconds) * 1000)
      const delivered = messages.filter(({ handle }) => handle === undefined).slice(0, Number(MaxNumberOfMessages))
      for (const message of delivered) message.handle = randomUUID()
      return [200, delivered.length === 0 ? {} : { Messages: delivered.map(shown) }]
    },
    async DeleteMessage({ ReceiptHandle }) {
      if (!messages.some(({ handle }) => handle === ReceiptHandle))
        return [400, { __type: 'com.amazonaws.sqs#ReceiptHandleIsInvalid', message: 'The receipt handle is not valid' }]
      messages = messages.filter(({ handle }) => handle !== ReceiptHandle)
      return [200, {}]
    },
  }

  function arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer)
        waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(go, ms)
      waiting.add(go)
    })
  }

  const server = createServer(async (request, response) => {
    const name = String(request.headers['x-amz-target']).replace(TARGET, '')
    asked[name] = (asked[name] ?? 0) + 1
    const operation = operations[name]
    const input = JSON.parse(await textOf(request)) as Record<string, unknown>
    const broken = failures > 0
    if (broken) failures -= 1
    const internal: [number, object] = [500, { __type: 'com.amazonaws.sqs#InternalError', message: 'broken' }]
    const [status, answer] = broken || !operation ? internal : await operation(input)
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/000000000000/events`,
    send(body) {
      messages.push({ body, handle: undefined })
      wake()
    },
    kept: () => messages.map(({ body }) => body),
    endLeases() {
      for (const message of messages) message.handle = undefined
      wake()
    },
    fail(times) {
      failures = times
    },
    asked,
    async close() {
      wake()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function shown({ body, handle }: Kept) {
  const MD5OfBody = createHash('md5').update(body).digest('hex')
  return { MessageId: randomUUID(), ReceiptHandle: handle, MD5OfBody, Body: body }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) text += piece
  return text
}

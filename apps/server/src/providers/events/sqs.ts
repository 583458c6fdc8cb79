import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { MessageQueue } from './port.ts'

export interface SqsSettings {
  url: string
  /** Default: the one in the URL, else AWS_REGION, else us-east-1. */
  region?: string | undefined
  /** Default: where the SDK looks for them. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined } | undefined
}

// ReceiveMessage: "WaitTimeSeconds … valid values: 0 to 20"; "MaxNumberOfMessages … valid values: 1 to 10".
const WAIT_SECONDS = 20
const MOST_MESSAGES = 10
/** Longer than ten messages take, so that none is delivered again while it is in hand. */
const LEASE_SECONDS = 120

/** Opens a queue of Amazon SQS, or of a server that speaks its protocol; the queue's URL says where. */
export function openSqsQueue({ url, region, credentials }: SqsSettings): MessageQueue {
  const client = new SQSClient({
    region: region ?? regionIn(url) ?? process.env['AWS_REGION'] ?? 'us-east-1',
    endpoint: new URL(url).origin,
    ...(credentials && { credentials: withoutUndefined(credentials) }),
    maxAttempts: 3,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 5000, requestTimeout: (WAIT_SECONDS + 10) * 1000 }),
  })
  return {
    async receive(signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl: url,
        WaitTimeSeconds: WAIT_SECONDS,
        MaxNumberOfMessages: MOST_MESSAGES,
        VisibilityTimeout: LEASE_SECONDS,
      })
      const { Messages = [] } = await client.send(command, { abortSignal: signal }).catch((error) => {
        signal.throwIfAborted()
        throw error
      })
      return Messages.map(({ ReceiptHandle, Body }) => ({ handle: ReceiptHandle as string, body: Body ?? '' }))
    },
    async done(handle) {
      await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: handle })).catch((error) => {
        // Its lease has ended: it is delivered again, and has its effect once all the same.
        if (error.name !== 'ReceiptHandleIsInvalid') throw error
      })
    },
    close: () => client.destroy(),
  }
}

function regionIn(url: string): string | undefined {
  return /^https?:\/\/(?:sqs\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.(?:queue\.)?amazonaws\.com/.exec(url)?.[1]
}

function withoutUndefined({ sessionToken, ...keys }: NonNullable<SqsSettings['credentials']>) {
  return { ...keys, ...(sessionToken !== undefined && { sessionToken }) }
}

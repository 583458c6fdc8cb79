import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What Amazon answers when a setting of a bucket was never made ("Error responses", Amazon S3 API reference). */
const NEVER_MADE: Readonly<Record<string, string>> = {
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  ownershipControls: 'OwnershipControlsNotFoundError',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  cors: 'NoSuchCORSConfiguration',
  lifecycle: 'NoSuchLifecycleConfiguration',
  policy: 'NoSuchBucketPolicy',
}

export interface AmazonServer {
  url: string
  /** Settings of the bucket by their name in the query, as they were sent. */
  settings: Map<string, string>
  /** The region that the bucket is in; undefined for one that is not there. */
  region: string | undefined
  /** What a role may do, for the policy simulator, and who is asking. */
  allowed: string[]
  caller: string
  /** Actions of IAM that are refused. */
  refused: Set<string>
  close(): Promise<void>
}

interface Answer {
  status: number
  body?: string
  region?: string
}

/**
 * The part of Amazon's S3, IAM and STS that the settings of one bucket need and that no server here has: what is sent
 * is kept and given back, since the API uses one form for both. Written from the public API references; it checks no
 * signature and keeps no objects.
 */
export async function startAmazonServer(): Promise<AmazonServer> {
  const server = createServer(
    (request, response) => void answer(amazon, request).then((given) => send(response, given)),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const amazon: AmazonServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    settings: new Map(),
    region: undefined,
    allowed: [],
    caller: 'arn:aws:sts::123456789012:assumed-role/stowage/i-0123',
    refused: new Set(),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
  return amazon
}

async function answer(amazon: AmazonServer, request: IncomingMessage): Promise<Answer> {
  const body = await text(request)
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return queryCall(amazon, new URLSearchParams(body))
  }
  const { searchParams } = new URL(request.url ?? '/', amazon.url)
  const setting = [...Object.keys(NEVER_MADE), 'versioning', 'location'].find((name) => searchParams.has(name))
  const signedFor = /\/\d{8}\/([^/]+)\/s3\//.exec(request.headers.authorization ?? '')?.[1]
  if (request.method === 'PUT' && !setting) {
    amazon.region = /<LocationConstraint>([^<]+)</.exec(body)?.[1] ?? 'us-east-1'
    if (request.headers['x-amz-bucket-object-lock-enabled'] === 'true') {
      amazon.settings.set(
        'object-lock',
        '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>',
      )
      amazon.settings.set('versioning', '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>')
    }
    return { status: 200 }
  }
  if (!amazon.region) return refused(404, 'NoSuchBucket')
  // "Redirection and the REST API": the header names the region also where the body is not sent.
  if (signedFor !== amazon.region) {
    return { ...refused(301, 'PermanentRedirect'), region: amazon.region }
  }
  if (!setting)
    return {
      status: 200,
      body: '<ListBucketResult><Name>files</Name><IsTruncated>false</IsTruncated></ListBucketResult>',
    }
  return settingCall(amazon, setting, request.method ?? 'GET', body)
}

function settingCall(amazon: AmazonServer, setting: string, method: string, body: string): Answer {
  if (setting === 'location') {
    const named = amazon.region === 'us-east-1' ? '' : amazon.region
    return {
      status: 200,
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${named}</LocationConstraint>`,
    }
  }
  if (method === 'PUT') {
    amazon.settings.set(setting, body)
    return { status: 200 }
  }
  const kept = amazon.settings.get(setting)
  if (kept !== undefined) return { status: 200, body: kept }
  const never = NEVER_MADE[setting]
  if (never) return refused(404, never)
  return { status: 200, body: '<VersioningConfiguration/>' }
}

/** IAM and STS: actions as forms ("Making query requests", AWS IAM user guide). */
function queryCall(amazon: AmazonServer, form: URLSearchParams): Answer {
  const action = form.get('Action') ?? ''
  if (amazon.refused.has(action)) {
    const error = '<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>'
    return { status: 403, body: `<ErrorResponse>${error}</ErrorResponse>` }
  }
  const account = /::(\d+):/.exec(amazon.caller)?.[1]
  const results: Record<string, () => string> = {
    GetCallerIdentity: () => `<Arn>${amazon.caller}</Arn><UserId>A</UserId><Account>${account}</Account>`,
    SimulatePrincipalPolicy: () => {
      const asked = [...form].filter(([name]) => name.startsWith('ActionNames.')).map(([, value]) => value)
      const members = asked.map((name) => {
        const decision = amazon.allowed.includes(name) ? 'allowed' : 'implicitDeny'
        return `<member><EvalActionName>${name}</EvalActionName><EvalDecision>${decision}</EvalDecision></member>`
      })
      return `<EvaluationResults>${members.join('')}</EvaluationResults>`
    },
  }
  const result = results[action]
  if (!result) return { status: 400, body: '<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>' }
  return { status: 200, body: `<${action}Response><${action}Result>${result()}</${action}Result></${action}Response>` }
}

function refused(status: number, code: string): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>${code}</Message></Error>` }
}

function send(response: ServerResponse, { status, body = '', region }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...(region && { 'x-amz-bucket-region': region }) })
  response.end(body)
}

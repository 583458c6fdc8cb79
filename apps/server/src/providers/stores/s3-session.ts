const MAX_SESSIONS = 500
const RENEW_MS = 5 * 60_000

const OBJECT_ACTIONS = [
  'GetObject',
  'GetObjectVersion',
  'PutObject',
  'DeleteObject',
  'DeleteObjectVersion',
  'AbortMultipartUpload',
  'ListMultipartUploadParts',
  'GetObjectRetention',
  'PutObjectRetention',
  'GetObjectLegalHold',
  'PutObjectLegalHold',
]

const USE_OF_KEYS = {
  Effect: 'Allow',
  Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
  Resource: '*',
  Condition: { StringLike: { 'kms:ViaService': 's3.*' } },
}

/**
 * The policy of a session that reaches only objects whose keys begin with `within`, staged ones included. It narrows
 * what the role may do and adds nothing to it. Open multipart uploads cannot be listed by it, for S3 does not limit
 * that to a prefix.
 *
 * @param options.partition of Amazon's, as in the role's name: `aws`, `aws-cn`, `aws-us-gov`
 * @param options.kms lets S3 use the keys that the bucket is encrypted with; other servers refuse a policy that names it
 */
export function sessionPolicy(
  bucket: string,
  within: string,
  { partition = 'aws', kms = false }: { partition?: string; kms?: boolean } = {},
): string {
  const prefixes = [within, `staging/${within}`].map((prefix) => `${prefix.replaceAll(/[*?$]/g, '$${$&}')}*`)
  const named = `arn:${partition}:s3:::${bucket}`
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: OBJECT_ACTIONS.map((action) => `s3:${action}`),
        Resource: prefixes.map((prefix) => `${named}/${prefix}`),
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket', 's3:ListBucketVersions'],
        Resource: named,
        Condition: { StringLike: { 's3:prefix': prefixes } },
      },
      ...(kms ? [USE_OF_KEYS] : []),
    ],
  })
}

export interface Session<T> {
  value: T
  expiresAt: Date
}

/**
 * Sessions by prefix: those asked for last are kept, renewed five minutes before they end, and shared by all who ask
 * for the same one at a time.
 */
export function createSessions<T>(
  open: (within: string) => Promise<Session<T>>,
  now: () => number = Date.now,
): (within: string) => Promise<T> {
  const sessions = new Map<string, Promise<Session<T>>>()
  const opened = (within: string) => {
    const opening = open(within)
    sessions.set(within, opening)
    opening.catch(() => {
      if (sessions.get(within) === opening) sessions.delete(within)
    })
    const [oldest] = sessions.keys()
    if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
    return opening
  }
  return async (within) => {
    const kept = sessions.get(within)
    if (!kept) return (await opened(within)).value
    sessions.delete(within)
    sessions.set(within, kept)
    const session = await kept
    if (session.expiresAt.getTime() - now() > RENEW_MS) return session.value
    const current = sessions.get(within)
    return (await (current && current !== kept ? current : opened(within))).value
  }
}

import { z } from 'zod'

/**
 * Every way the service may refuse, one row each. `advice` is the caller's next step, in words an agent may read aloud.
 * The status of an answer lives here and nowhere else; answers follow RFC 9457.
 */
export interface ProblemRow<Members extends z.ZodRawShape = z.ZodRawShape> {
  readonly status: number
  readonly title: string
  readonly advice: string
  readonly members: z.ZodObject<Members>
}

function problem<Members extends z.ZodRawShape>(
  status: number,
  title: string,
  advice: string,
  members?: Members,
): ProblemRow<Members> {
  return { status, title, advice, members: z.object(members ?? ({} as Members)) }
}

const text = z.string()
const count = z.number()

export const problems = {
  'request.invalid': problem(
    400,
    'The request is not valid',
    'Correct the fields that `errors` names and send it again.',
    {
      errors: z.array(z.object({ field: text, reason: text })),
    },
  ),
  'request.malformed': problem(
    400,
    'The request cannot be read',
    'Check the body: it is not what its Content-Type says.',
    { reason: text },
  ),
  'request.tooDeep': problem(400, 'The JSON is nested too deeply', 'Flatten it to at most `limit` levels.', {
    limit: count,
  }),
  'request.tooLarge': problem(413, 'The request body is too large', 'Send at most `limitBytes` bytes.', {
    limitBytes: count,
  }),
  'request.unsupportedType': problem(
    415,
    'This content type is not taken here',
    'Send one of the types that `accepted` names.',
    {
      accepted: z.array(text),
    },
  ),
  'request.stalled': problem(
    408,
    'The body stopped arriving',
    'Send it again; bytes must keep coming at least every `limitSeconds` seconds.',
    {
      limitSeconds: count,
    },
  ),
  'request.aborted': problem(400, 'The body ended too early', 'Send the whole body again.'),
  'route.notFound': problem(404, 'There is no such address', 'See /docs for the addresses there are.'),
  'route.methodNotAllowed': problem(
    405,
    'This address does not take that method',
    'Use one of the methods that `allowed` names.',
    {
      allowed: z.array(text),
    },
  ),

  'credential.missing': problem(
    401,
    'A credential is needed',
    'Send `Authorization: Bearer` with an API key or a token.',
  ),
  'credential.invalid': problem(
    401,
    'The credential is not valid',
    'Check the API key or token; ask an admin for a new one if it was revoked.',
  ),
  'credential.expired': problem(401, 'The credential has expired', 'Ask an admin for a new key, or sign in again.'),
  'access.forbidden': problem(
    403,
    'You may not do this',
    'Ask an admin of the organization, or the owner of the asset.',
    { action: text },
  ),
  'access.outOfScope': problem(403, 'This key is not for that', 'Use a key whose scopes include `action`.', {
    action: text,
  }),
  'access.cannotActFor': problem(
    403,
    'This key may not act for a user',
    'Use an agent, admin or platform key that belongs to no user.',
  ),
  'rate.limited': problem(
    429,
    'Too many requests for this key',
    'Wait `retryAfterSeconds` seconds, then go on more slowly.',
    {
      retryAfterSeconds: count,
    },
  ),

  'idempotency.keyReused': problem(
    422,
    'This Idempotency-Key was used for another request',
    'Use a new key for a new request.',
  ),
  'idempotency.inFlight': problem(
    409,
    'The first request with this Idempotency-Key is still running',
    'Wait a moment and send it again.',
  ),
  'precondition.failed': problem(
    412,
    'It has changed since you read it',
    'Read it again and repeat the change on what it is now.',
  ),

  'organization.notFound': problem(404, 'There is no such organization', 'Check the id or slug.'),
  'organization.slugTaken': problem(409, 'This slug is taken', 'Choose another slug.', { slug: text }),
  'organization.notEmpty': problem(
    409,
    'The organization still has assets',
    'Purge its assets first, the trash included.',
    { assets: count },
  ),
  'member.notFound': problem(404, 'There is no such member', 'Check the id.'),
  'member.exists': problem(409, 'There is already such a member', 'Change the member that is there.', {
    externalId: text,
  }),
  'member.lastOwner': problem(409, 'The last owner must stay', 'Make somebody else owner first.'),
  'team.notFound': problem(404, 'There is no such team', 'Check the id.'),
  'team.nameTaken': problem(409, 'There is already a team of that name', 'Choose another name.', { name: text }),
  'assetType.notFound': problem(404, 'There is no such asset type', 'See /v1/asset-types for the types there are.', {
    assetType: text,
  }),
  'assetType.builtIn': problem(
    409,
    'Built-in asset types cannot be deleted',
    'Only a type that the organization added, or its own rules for a built-in one, can be deleted.',
  ),
  'apiKey.notFound': problem(404, 'There is no such API key', 'Check the id.'),
  'apiKey.roleTooHigh': problem(
    403,
    'A key cannot have more rights than its maker',
    'Ask for a role no higher than your own.',
    { role: text },
  ),

  'asset.notFound': problem(404, 'There is no such asset', 'Check the id, and that you may read it.'),
  'asset.trashed': problem(409, 'The asset is in the trash', 'Restore it first.'),
  'asset.notTrashed': problem(409, 'The asset is not in the trash', 'There is nothing to restore.'),
  'asset.notReadable': problem(
    403,
    'The content may not be read',
    'See `scanStatus`: it waits for its scan or was found unsafe.',
    {
      scanStatus: text,
      reason: text.nullable(),
    },
  ),
  'asset.quarantined': problem(403, 'The asset is in quarantine', 'An admin can review and release it.'),
  'variant.notFound': problem(
    404,
    'There is no such variant',
    'List the variants of the asset; attached ones belong to one version.',
  ),
  'variant.notMade': problem(
    404,
    'This variant could not be made',
    'The `reason` says why. Once that is mended, have the step `variants` done again.',
    { reason: text },
  ),
  'variant.notReady': problem(503, 'The variant is still being made', 'Ask again in a moment.', {
    retryAfterSeconds: count,
  }),
  'variant.nameReserved': problem(
    409,
    'The service makes the variant of this name',
    'Attach yours under another name.',
  ),
  'variant.tooMany': problem(
    409,
    'The version has as many variants as it may',
    'Remove one; `limit` may be attached.',
    {
      limit: count,
    },
  ),
  'variant.notScanned': problem(
    503,
    'The scanner does not answer',
    'Nothing was kept: a variant is taken when it was scanned. Send it again in a moment.',
    { retryAfterSeconds: count },
  ),
  'sheet.notFound': problem(404, 'There is no such sheet', 'Sheets count from 0; see `sheets`.', {
    sheets: z.number(),
  }),
  'quarantine.notFound': problem(404, 'There is no such entry in quarantine', 'List the quarantine.'),
  'quarantine.ended': problem(
    409,
    'The entry is in another state',
    'See `state`: what is held can be released or purged, and a release can be revoked.',
    { state: text },
  ),
  'version.notFound': problem(404, 'There is no such version', 'List the versions of the asset.'),

  'recording.exists': problem(
    409,
    'A recording of this call is there already',
    'List the assets with `call` to find it, and send yours as a new version of it or under another call id.',
    { callId: text },
  ),
  'recording.busy': problem(
    409,
    'The place of this recording is not free yet',
    'Another upload for the same call is running or broke off, or one was purged. Wait `retryAfterSeconds` seconds, then send it again.',
    { callId: text, retryAfterSeconds: count },
  ),

  'upload.empty': problem(422, 'The file is empty', 'Send a file with content.'),
  'upload.tooLarge': problem(
    413,
    'The file is too large',
    'Send at most `limitBytes` bytes, or ask an admin to raise the limit.',
    { limitBytes: count },
  ),
  'upload.typeNotAllowed': problem(
    415,
    'This kind of file is not taken here',
    'Send one of the types that `allowed` names, or use another asset type.',
    {
      mediaType: text,
      assetType: text,
      allowed: z.array(text),
    },
  ),
  'upload.typeMismatch': problem(
    415,
    'The content is not what its name or type says',
    'Correct the name or the declared type, or check the file.',
    {
      detected: text,
      declared: text.nullable(),
      name: text,
      reason: text,
    },
  ),
  'upload.archiveRefused': problem(
    422,
    'The archive is not safe to open',
    'Pack fewer or smaller files, without archives inside archives.',
    {
      reason: text,
      detail: text,
    },
  ),
  'upload.imageRefused': problem(
    422,
    'The image is too large or damaged',
    'Send an image of fewer pixels, or repair it.',
    { reason: text, detail: text },
  ),
  'upload.digestMismatch': problem(422, 'The bytes that arrived are not those you described', 'Send the file again.', {
    expected: text,
    actual: text,
  }),
  'upload.nameInvalid': problem(
    422,
    'The file name is not allowed',
    'Choose a name without path parts or control characters, at most 255 characters.',
    {
      reason: text,
    },
  ),
  'upload.fileMissing': problem(400, 'The form has no file', 'Send the file in a part named `file`.'),
  'upload.fieldsAfterFile': problem(
    400,
    'A field that decides where the file goes came after it',
    'Send `field` before `file`.',
    { field: text },
  ),
  'upload.scanFound': problem(422, 'The file is infected', 'Do not open it; remove it where it came from.', {
    finding: text,
  }),
  'upload.lost': problem(409, 'The upload took longer than it may', 'Send the file again.'),
  'upload.notFound': problem(404, 'There is no such upload', 'Check the id, or begin a new upload.'),
  'upload.notOpen': problem(
    409,
    'The upload takes no more bytes',
    'See its `state`; begin a new upload if it failed.',
    {
      state: text,
    },
  ),
  'upload.expired': problem(410, 'The upload has expired', 'Begin a new upload.'),
  'upload.incomplete': problem(409, 'Not every byte has arrived', 'Send what is missing, then complete it again.', {
    reason: text,
  }),
  'upload.wrongSize': problem(400, 'This is not the size that was announced', 'Send exactly `expected` bytes.', {
    expected: count,
  }),
  'upload.tooManyParts': problem(
    413,
    'The upload came in too many pieces',
    'Begin again and send larger pieces, at most `limit`.',
    {
      limit: count,
    },
  ),
  'upload.wrongOffset': problem(
    409,
    'The upload goes on at another offset',
    'Ask for the offset and send from there.',
    {
      offset: count,
    },
  ),
  'upload.busy': problem(423, 'Another request is sending to this upload', 'Wait a moment, then ask for the offset.', {
    retryAfterSeconds: count,
  }),
  'upload.checksumMismatch': problem(
    460,
    'The bytes that arrived are not those that were summed',
    'Send them again from the same offset.',
  ),
  'tus.versionUnsupported': problem(
    412,
    'This version of the tus protocol is not spoken here',
    'Send `Tus-Resumable` with the version that `supported` names.',
    { supported: text },
  ),
  'quota.exceeded': problem(
    413,
    "The organization's storage is full",
    'Delete what is not needed, or ask for a larger quota.',
  ),

  'signedUrl.malformed': problem(400, 'The signed URL is damaged', 'Ask for a new one.'),
  'signedUrl.expired': problem(403, 'The signed URL has expired', 'Ask for a new one.'),
  'signedUrl.tampered': problem(403, 'The signed URL was changed', 'Use it as it was given, or ask for a new one.'),
  'signedUrl.revoked': problem(403, 'The signed URL was revoked', 'Ask for a new one.'),
  'signedUrl.usedUp': problem(403, 'The signed URL was used as often as it may be', 'Ask for a new one.'),
  'signedUrl.wrongAddress': problem(
    403,
    'The signed URL is for another address',
    'Use it from the address it was made for.',
  ),
  'signedUrl.notDirect': problem(
    409,
    'The store gives no URL of its own for this',
    'Ask without `direct`. The `reason` is `limited` (by address or downloads), `encrypted` (only the service can decrypt it) or `store` (it has no such URLs).',
    { reason: text },
  ),
  'signedUrl.notByCdn': problem(
    409,
    'The CDN gives no URL for this',
    'Ask without `cdn`. The `reason` is `limited` (by address or downloads) or `unsigned` (no CDN that checks signatures is set up).',
    { reason: text },
  ),
  'range.notSatisfiable': problem(416, 'The range is outside the content', 'Ask for a range within `sizeBytes`.', {
    sizeBytes: count,
  }),
  'cursor.invalid': problem(400, 'The cursor does not belong to this query', 'Start again without a cursor.'),

  'storeEvents.noSecret': problem(
    403,
    'This service takes no signed messages of stores',
    'Ask the operator to set `STOWAGE_STORE_EVENTS_SECRET`, or send the platform key.',
  ),
  'storeEvents.signatureInvalid': problem(
    401,
    'The message is not signed as it must be',
    'Sign it as Standard Webhooks says, with the secret of this service, at most five minutes before it arrives. The `reason` is `missing`, `tooOld` or `wrong`.',
    { reason: text },
  ),

  'store.full': problem(
    507,
    'The store is full',
    'Nothing was kept. Free some space or ask the operator, then send it again.',
  ),
  'store.unavailable': problem(503, 'The store does not answer', 'Nothing was kept. Try again in a moment.', {
    retryAfterSeconds: count,
  }),
  'content.missing': problem(500, 'The bytes cannot be found', 'The operator was told; run `stowage-server fsck`.'),
  'content.corrupt': problem(500, 'The bytes are damaged', 'The operator was told; run `stowage-server fsck`.'),
  'database.unavailable': problem(503, 'The database does not answer', 'Try again in a moment.', {
    retryAfterSeconds: count,
  }),
  'server.stopping': problem(503, 'The server is stopping', 'Try again in a moment.', { retryAfterSeconds: count }),
  'internal.error': problem(
    500,
    'Something went wrong here',
    'Try again; if it stays, give the operator the request id.',
  ),
} as const

export type ProblemCode = keyof typeof problems
export type ProblemMembers<Code extends ProblemCode> = z.infer<(typeof problems)[Code]['members']>

/** The body of an answer that refuses (RFC 9457 section 3.1). */
export const problemBody = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  instance: z.string().optional(),
  code: z.string(),
})
export type ProblemBody = z.infer<typeof problemBody>

/** Problems that any operation may answer, so that rows need not repeat them. */
export const commonProblems = [
  'request.invalid',
  'request.malformed',
  'request.tooDeep',
  'request.tooLarge',
  'request.unsupportedType',
  'credential.missing',
  'credential.invalid',
  'credential.expired',
  'access.forbidden',
  'access.outOfScope',
  'access.cannotActFor',
  'member.notFound',
  'organization.notFound',
  'rate.limited',
  'database.unavailable',
  'server.stopping',
  'internal.error',
] as const satisfies readonly ProblemCode[]

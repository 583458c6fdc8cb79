import { z } from 'zod'
import { webhookKey } from './domain/standard-webhook.ts'
import { readSettings, type Setting, type Values } from './platform/settings.ts'

const count = (fallback: number) => z.coerce.number('must be a whole number').int().nonnegative().default(fallback)
const text = z.string().optional()
const onOff = (fallback: boolean) =>
  z
    .enum(['on', 'off'], 'must be on or off')
    .default(fallback ? 'on' : 'off')
    .transform((word) => word === 'on')

function readJson(value: string, context: z.core.$RefinementCtx): unknown {
  try {
    return JSON.parse(value)
  } catch {
    context.addIssue('must be JSON')
    return z.NEVER
  }
}

/** A program and its arguments. */
function readCommand(value: string, context: z.core.$RefinementCtx): unknown {
  return value.trimStart().startsWith('[') ? readJson(value, context) : value.trim().split(/\s+/)
}

/** Every setting there is. docs/configuration.md is generated from these rows. */
export const settings = {
  port: { env: 'STOWAGE_PORT', doc: 'Port to listen on.', schema: count(4700) },
  host: {
    env: 'STOWAGE_HOST',
    doc: 'Address to listen on; `0.0.0.0` for every interface.',
    schema: z.string().default('localhost'),
  },
  data: {
    env: 'STOWAGE_DATA',
    doc: 'Folder for everything that is kept on this machine.',
    schema: z.string().default('./data'),
  },
  publicUrl: {
    env: 'STOWAGE_PUBLIC_URL',
    doc: 'Scheme and host by which callers reach the service, for absolute URLs. Default: what each request was sent to.',
    schema: z.url('must be a URL such as https://files.example.com').optional(),
  },
  corsOrigins: {
    env: 'STOWAGE_CORS_ORIGINS',
    doc: 'Origins whose pages may call the API from a browser, separated by commas, such as `https://app.example.com`; `*` for any. Credentials are headers, never cookies.',
    schema: text,
  },
  trustProxy: {
    env: 'STOWAGE_TRUST_PROXY',
    doc: 'Addresses of proxies whose `X-Forwarded-*` headers are believed, separated by commas.',
    schema: text,
  },
  databaseUrl: {
    env: 'DATABASE_URL',
    doc: 'PostgreSQL 15 or later, as a role that owns the database and may create roles. Default: the embedded server.',
    schema: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
      .optional(),
    secret: true,
  },
  databaseConnections: {
    env: 'STOWAGE_DATABASE_CONNECTIONS',
    doc: 'Connections kept for requests.',
    schema: count(20),
  },
  adminKey: {
    env: 'STOWAGE_ADMIN_KEY',
    doc: 'The platform key. Default: made at the first start and kept in `admin-key` in the data folder.',
    schema: z.string().min(16, 'must have at least 16 characters').optional(),
    secret: true,
  },
  masterKey: {
    env: 'STOWAGE_MASTER_KEY',
    doc: 'Master keys, `id:base64` separated by commas, the first one current. Default: the file `master-keys` in the data folder.',
    schema: text,
    secret: true,
  },
  worker: {
    env: 'STOWAGE_WORKER',
    doc: 'Whether this server also does the work in the background, in a thread of its own. With `off`, `stowage-server work` does it elsewhere, on the same database.',
    schema: onOff(true),
  },
  extract: {
    env: 'STOWAGE_EXTRACT',
    doc: 'Whether text, rows and metadata are read from files.',
    schema: onOff(true),
  },
  ocrPages: {
    env: 'STOWAGE_OCR_PAGES',
    doc: 'How many pages of a file that are pictures are recognised, where the program `tesseract` is installed; 0 for none.',
    schema: count(50),
  },
  ocrLanguages: {
    env: 'STOWAGE_OCR_LANGUAGES',
    doc: 'The languages of pictures of text, as `tesseract --list-langs` names them, separated by commas: `eng,ell`. Each costs time on every page. Default: those that are installed, English first, three at most.',
    schema: z
      .string()
      .regex(/^[A-Za-z]\w*(,[A-Za-z]\w*)*$/, 'must be names of languages separated by commas, such as eng,ell')
      .transform((names) => names.split(','))
      .optional(),
  },
  transcribeUrl: {
    env: 'STOWAGE_TRANSCRIBE_URL',
    doc: "A service that transcribes recordings as OpenAI's does: what `/audio/transcriptions` stands behind, such as `https://api.openai.com/v1`. Default: none, and recordings are not transcribed. See docs/how-to/transcripts.md.",
    schema: z.url({ protocol: /^https?$/, error: 'must be a URL such as https://api.openai.com/v1' }).optional(),
  },
  transcribeKey: {
    env: 'STOWAGE_TRANSCRIBE_KEY',
    doc: 'The key for that service, if it wants one.',
    schema: text,
    secret: true,
  },
  transcribeModel: {
    env: 'STOWAGE_TRANSCRIBE_MODEL',
    doc: 'The model that it is asked for.',
    schema: z.string().min(1).default('whisper-1'),
  },
  transcribeMaxBytes: {
    env: 'STOWAGE_TRANSCRIBE_MAX_BYTES',
    doc: 'The largest file that it takes. Larger ones are sent in pieces, which takes ffmpeg.',
    schema: count(25 * 1024 * 1024).refine((bytes) => bytes >= 1024 * 1024, 'must be at least 1048576'),
  },
  transcribeCommand: {
    env: 'STOWAGE_TRANSCRIBE_COMMAND',
    doc: 'Instead of a service, a program on this machine that prints what is said in a recording: words separated by spaces, or a JSON array. `{file}` stands for the recording, `{language}` for two letters or `auto`. See docs/how-to/transcripts.md.',
    schema: z
      .string()
      .transform(readCommand)
      .pipe(z.tuple([z.string().min(1)], z.string()))
      .refine(([, ...words]) => words.some((word) => word.includes('{file}')), 'must have a word with {file}')
      .optional(),
  },
  clamd: {
    env: 'STOWAGE_CLAMD',
    doc: 'The ClamAV daemon that scans files: `host:port`, or `unix:/path` for its socket. It must have `AlertExceedsMax yes`. Default: none, and files are not scanned.',
    schema: z
      .string()
      .regex(/^(unix:\/.+|.+:\d{1,5})$/, 'must be host:port or unix:/path')
      .optional(),
  },
  clamdPlaces: {
    env: 'STOWAGE_CLAMD_PLACES',
    doc: "Scans at once; fewer than clamd's `MaxThreads`.",
    schema: count(8).refine((places) => places > 0, 'must be at least 1'),
  },
  clamdMaxBytes: {
    env: 'STOWAGE_CLAMD_MAX_BYTES',
    doc: "The most bytes that clamd is given of a file; what is larger counts as not scanned (`tooLarge`). Not more than clamd's `StreamMaxLength`, `MaxFileSize` and `MaxScanSize`.",
    schema: count(100 * 1024 * 1024),
  },
  scanWaitSeconds: {
    env: 'STOWAGE_SCAN_WAIT_SECONDS',
    doc: 'How long an upload waits for its verdict after its last byte. What takes longer is answered as `pending`, and is readable once it is done.',
    schema: count(20),
  },
  rescansPerMinute: {
    env: 'STOWAGE_RESCANS_PER_MINUTE',
    doc: 'How many contents are scanned again each minute when the signatures have changed.',
    schema: count(60),
  },
  quarantineStore: {
    env: 'STOWAGE_QUARANTINE_STORE',
    doc: 'Where infected files are moved to, below `quarantine/`. Default: the store for new files.',
    schema: text,
  },
  store: {
    env: 'STOWAGE_STORE',
    doc: 'Where bytes lie: `local` (a folder below the data folder), `s3`, `gcs`, `azure`, `database`, `memory` (lost at the end; for trying things out), or one that `STOWAGE_STORES` names.',
    schema: z.string().min(1).default('local'),
  },
  bucket: {
    env: 'STOWAGE_BUCKET',
    doc: 'The bucket, or on Azure the container, of a `STOWAGE_STORE` that is `s3`, `gcs` or `azure`. Credentials come from where its SDK looks for them.',
    schema: text,
  },
  region: { env: 'STOWAGE_REGION', doc: 'The region of that bucket.', schema: text },
  endpoint: {
    env: 'STOWAGE_ENDPOINT',
    doc: 'Where that store is, if not at its vendor: any server that speaks S3, for example.',
    schema: z.url('must be a URL such as https://s3.example.com').optional(),
  },
  stores: {
    env: 'STOWAGE_STORES',
    doc: 'More stores as JSON: `{"eu": {"kind": "s3", "bucket": "files", "region": "eu-central-1"}}`. See docs/how-to/stores.md.',
    schema: z
      .string()
      .transform(readJson)
      .pipe(
        z.record(
          z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a store is named by lower-case letters, digits and -'),
          z.looseObject({ kind: z.string() }),
        ),
      )
      .default({}),
    secret: true,
  },
  fallbackStore: {
    env: 'STOWAGE_FALLBACK_STORE',
    doc: 'Where bytes go while their store is down, to be moved home later; `none` for nowhere. It must be shared when several nodes serve. Default: `local` when the store is elsewhere.',
    schema: text,
  },
  secondStore: {
    env: 'STOWAGE_SECOND_STORE',
    doc: 'A store that gets a second copy of every new file, from which it is read when the first one is down.',
    schema: text,
  },
  redirects: {
    env: 'STOWAGE_REDIRECTS',
    doc: 'Whether readers are sent to the CDN or the store for the bytes, by URLs of 60 seconds at most, where the store can and nothing limits the link: `on` or `off`. What is sent so is not compressed by the service.',
    schema: onOff(false),
  },
  cdn: {
    env: 'STOWAGE_CDN',
    doc: 'A CDN whose origin is this service, as JSON: `{"kind": "cloudfront", "url": "https://cdn.example.com", "distributionId": "EDFDVBD6EXAMPLE"}`, or of kind `hmac`. See docs/how-to/cdn.md.',
    schema: z
      .string()
      .transform(readJson)
      .pipe(z.looseObject({ kind: z.string() }))
      .optional(),
    secret: true,
  },
  inbox: {
    env: 'STOWAGE_INBOX',
    doc: 'What the keys of objects begin with that are to become assets when a store tells of them: `inbox/{organization}/folder/name.ext`. See docs/how-to/store-events.md.',
    schema: z
      .string()
      .regex(/^[^/]+(\/[^/]+)*\/$/, 'must be a prefix that ends with / and does not begin with it')
      .default('inbox/'),
  },
  storeEventsSecret: {
    env: 'STOWAGE_STORE_EVENTS_SECRET',
    doc: 'The secret that signs the messages of stores posted to `/v1/store-events` (Standard Webhooks): `whsec_` and 24 to 64 bytes in base64. Default: none is taken but with the platform key.',
    schema: z
      .string()
      .refine((secret) => webhookKey(secret) !== undefined, 'must be whsec_ and 24 to 64 bytes in base64')
      .optional(),
    secret: true,
  },
  storeEventsQueue: {
    env: 'STOWAGE_STORE_EVENTS_QUEUE',
    doc: 'The URL of an SQS queue that gets the events of the buckets. Region and credentials are those of the first S3 store, or come from where the SDK looks for them.',
    schema: z.url('must be a URL such as https://sqs.eu-central-1.amazonaws.com/123456789012/events').optional(),
  },
  layout: {
    env: 'STOWAGE_LAYOUT',
    doc: 'Key layout: a preset (`default`, `dated`, `security_firms`, `flat`, `user`, `customer`) or a layout as JSON.',
    schema: z.string().default('default'),
  },
  encryption: {
    env: 'STOWAGE_ENCRYPTION',
    doc: 'Whether what lies on our disks is encrypted: `on` or `off`.',
    schema: onOff(true),
  },
  smallObjectBytes: {
    env: 'STOWAGE_SMALL_OBJECT_BYTES',
    doc: 'Objects up to this size lie in the database, beside their rows, or with the embedded one in `packs` of the data folder; 0 for none. Default: 131072 with the embedded database and the local store, else 0.',
    schema: z.coerce.number('must be a whole number').int().nonnegative().optional(),
  },
  maxSizeBytes: { env: 'STOWAGE_MAX_SIZE_BYTES', doc: 'The largest file taken.', schema: count(50 * 1024 * 1024) },
  stallSeconds: {
    env: 'STOWAGE_STALL_SECONDS',
    doc: 'An upload that sends nothing for so long is ended.',
    schema: count(60),
  },
  uploadLeaseSeconds: {
    env: 'STOWAGE_UPLOAD_LEASE_SECONDS',
    doc: 'An unfinished upload that gave no sign of life for so long is removed.',
    schema: count(600),
  },
  trashDays: { env: 'STOWAGE_TRASH_DAYS', doc: 'Days in the trash before an asset is purged.', schema: count(30) },
  releaseDelaySeconds: {
    env: 'STOWAGE_RELEASE_DELAY_SECONDS',
    doc: 'How long purged bytes are kept. Set it to the age of the oldest backup you may restore.',
    schema: count(0),
  },
  requestsPerMinute: {
    env: 'STOWAGE_REQUESTS_PER_MINUTE',
    doc: 'Requests a minute for keys that name no rate of their own; 0 for no limit.',
    schema: count(0),
  },
  jwtSecret: {
    env: 'STOWAGE_JWT_SECRET',
    doc: 'Shared secret that signs tokens (HS256, HS384, HS512).',
    schema: z.string().min(32).optional(),
    secret: true,
  },
  jwksUrl: {
    env: 'STOWAGE_JWKS_URL',
    doc: 'Where the public keys that sign tokens are (JWKS).',
    schema: z.url().optional(),
  },
  jwtIssuer: { env: 'STOWAGE_JWT_ISSUER', doc: 'The issuer that tokens must name.', schema: text },
  jwtAudience: { env: 'STOWAGE_JWT_AUDIENCE', doc: 'The audience that tokens must name.', schema: text },
  jwtClaims: {
    env: 'STOWAGE_JWT_CLAIMS',
    doc: 'Which claims hold what, such as `organization=org_id,role=stowage_role,name=full_name`. Default: `organization,role,name,email`.',
    schema: text,
  },
  logLevel: {
    env: 'STOWAGE_LOG_LEVEL',
    doc: 'The least that is logged: `debug`, `info`, `warn`, `error` or `silent`.',
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  },
} satisfies Record<string, Setting>

export type Config = Values<typeof settings>

/** @throws SettingsError naming every variable that is wrong */
export function readConfig(environment: Record<string, string | undefined>): Config {
  return readSettings(settings, environment)
}

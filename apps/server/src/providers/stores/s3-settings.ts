import { z } from 'zod'

const MIB = 1024 * 1024
const text = z.string().min(1).optional()
const atLeast = (least: number, fallback: number) => z.coerce.number().int().min(least).default(fallback)
const url = z.url({ protocol: /^https?$/, error: 'must be a URL such as https://s3.example.com' }).optional()

const AWS_CLASSES = ['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE']

/** What an S3 store is told. Without an `endpoint` it is Amazon's own, and what that can do is the default. */
export const s3Settings = z
  .object({
    bucket: z.string().min(3),
    region: z.string().default('us-east-1'),
    endpoint: url,
    /** The endpoint as those who send presigned requests reach it. */
    publicEndpoint: url,
    /** The bucket goes into the path and not into the host's name. */
    pathStyle: z.boolean().default(false),
    /** `required`: checksums only where the protocol asks for them, for servers that refuse or ignore the newer ones. */
    checksums: z.enum(['supported', 'required']).optional(),
    /**
     * Whether the server keeps `If-None-Match` when it joins parts and copies. Without it such keys are looked for
     * before the write. RadosGW 16 keeps it for objects that are sent whole alone.
     */
    conditionalCreate: z.boolean().optional(),
    /** Storage classes besides STANDARD. */
    storageClasses: z.array(z.string().min(1)).optional(),
    /** The bucket was made with object lock. */
    objectLock: z.boolean().default(false),
    accessKeyId: text,
    secretAccessKey: text,
    sessionToken: text,
    /** Assumed, narrowed to a prefix, for operations that are told `within`. */
    roleArn: text,
    /** For reading, and as many for everything else. A request that finds none free waits for `idleTimeoutMs` at most. */
    connections: atLeast(1, 50),
    connectTimeoutMs: atLeast(1, 5000),
    /** The longest silence of the server. */
    idleTimeoutMs: atLeast(1, 30_000),
    /** Size of the parts of an upload, and of what is kept in memory of one, about four times. */
    partBytes: atLeast(5 * MIB, 8 * MIB),
    /** The account that the bucket must belong to. */
    expectedBucketOwner: text,
  })
  .refine(({ accessKeyId, secretAccessKey }) => !accessKeyId === !secretAccessKey, {
    error: 'accessKeyId and secretAccessKey are given together or not at all',
  })
  .transform(({ checksums, conditionalCreate, storageClasses, ...settings }) => ({
    ...settings,
    checksums: checksums ?? (settings.endpoint ? ('required' as const) : ('supported' as const)),
    conditionalCreate: conditionalCreate ?? !settings.endpoint,
    storageClasses: storageClasses ?? (settings.endpoint ? [] : AWS_CLASSES),
  }))

export type S3Settings = z.output<typeof s3Settings>

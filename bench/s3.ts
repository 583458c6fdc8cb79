import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { makeBucket, S3_KEYS } from '../apps/server/test/store-settings.ts'
import { type Server, startBare, startService } from './servers.ts'

/** Something that was started, to be stopped at the end. */
export interface Started {
  stop(): Promise<void>
}

const SCRIPTS = join(import.meta.dirname, '../scripts/services')
const GATEWAY_PORT = 9880
const BARE_SCRIPT = join(import.meta.dirname, 'bare-s3-server.ts')

/**
 * Starts the service and a bare server with their files in the S3 server that STOWAGE_TEST_S3 names, or else in one of
 * its own, each in a bucket of its own.
 *
 * @param started gets everything that is to be stopped at the end, in the order of its beginning
 */
export async function startS3Sides(
  folder: string,
  nodeOptions: readonly string[],
  started: Started[],
): Promise<{ bare: Server; ours: Server }> {
  const named = process.env['STOWAGE_TEST_S3']
  const endpoint = named ?? (await startGateway(join(folder, 'gateway'), started))
  const openBucket = async () => {
    const bucket = `stowage-bench-${randomUUID()}`
    await makeBucket(endpoint, bucket)
    // A gateway of our own goes with everything that lies in it.
    if (named) started.push({ stop: () => dropBucket(endpoint, bucket) })
    return bucket
  }
  const bare = await startBare(BARE_SCRIPT, [endpoint, await openBucket()], KEYS)
  started.push(bare)
  const ours = await startService(join(folder, 'service'), nodeOptions, serviceSettings(endpoint, await openBucket()))
  started.push(ours)
  return { bare, ours }
}

const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey }

function serviceSettings(endpoint: string, bucket: string): Record<string, string> {
  return {
    ...KEYS,
    STOWAGE_STORE: 's3',
    STOWAGE_BUCKET: bucket,
    STOWAGE_ENDPOINT: endpoint,
    STOWAGE_REDIRECTS: 'on',
    // What the gateway does not take is to fail, not to go to the disk.
    STOWAGE_FALLBACK_STORE: 'none',
    STOWAGE_MAX_SIZE_BYTES: String(128 * 1024 * 1024),
  }
}

/** Its daemons leave this process, so they are also ended when it is interrupted. */
async function startGateway(directory: string, started: Started[]): Promise<string> {
  const stop = () => spawnSync(join(SCRIPTS, 's3-stop'), [directory], { stdio: 'inherit' })
  const interrupted = () => {
    stop()
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted)
  started.push({
    stop: async () => {
      stop()
      for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, interrupted)
    },
  })
  const run = promisify(execFile)
  const env = { ...process.env, S3_ACCESS_KEY: S3_KEYS.accessKeyId, S3_SECRET_KEY: S3_KEYS.secretAccessKey }
  const { stdout } = await run(join(SCRIPTS, 's3-start'), [directory, String(GATEWAY_PORT)], { env })
  return stdout.trim()
}

async function dropBucket(endpoint: string, bucket: string): Promise<void> {
  const config: S3ClientConfig = { endpoint, region: 'us-east-1', forcePathStyle: true, credentials: S3_KEYS }
  const client = new S3Client(config)
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
    const Objects = Contents.map(({ Key }) => ({ Key }))
    if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }))
  client.destroy()
}

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SERVICES = join(import.meta.dirname, '../../../../scripts/services')
const FIRST_PORT = 21_000
const PORTS_OF_ONE = 64
const PLACES = 100

/** An S3 server that nobody else uses, whose disk can be made to stand still. */
export interface OwnS3 {
  endpoint: string
  /** From now on the server takes requests, and answers none that needs the disk. */
  stall(): void
  resume(): void
  stop(): Promise<void>
}

/** Starts it as scripts/services/s3-start does: that needs root and takes a few seconds. */
export async function startOwnS3(): Promise<OwnS3> {
  const dir = await mkdtemp(join(tmpdir(), 'stowage-s3-'))
  const port = FIRST_PORT + PORTS_OF_ONE * Math.floor(Math.random() * PLACES)
  const { stdout } = await run(join(SERVICES, 's3-start'), [dir, String(port)])
  const disk = Number(readFileSync(join(dir, 'run/osd.0.pid'), 'utf8'))
  return {
    endpoint: stdout.trim(),
    stall: () => void process.kill(disk, 'SIGSTOP'),
    resume: () => void process.kill(disk, 'SIGCONT'),
    async stop() {
      process.kill(disk, 'SIGCONT')
      await run(join(SERVICES, 's3-stop'), [dir])
      await rm(dir, { recursive: true, force: true })
    },
  }
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { localRows, MIB, type Row, s3Rows } from './rows.ts'
import { type Started, startS3Sides } from './s3.ts'
import { type Server, startBare, startService } from './servers.ts'

/** What is measured with the files in one kind of store. */
export interface Setup {
  rows: readonly Row[]
  /** Before `quick` and `full` in the names of the results. */
  resultsPrefix: string
  /** Bounds what one slice writes. */
  maxSliceBytes: number
  /** @param started gets everything that is to be stopped at the end, in the order of its beginning */
  start(folder: string, nodeOptions: readonly string[], started: Started[]): Promise<{ bare: Server; ours: Server }>
}

const BARE_SCRIPT = join(import.meta.dirname, 'bare-server.ts')

export const setups: Readonly<Record<string, Setup>> = {
  local: { rows: localRows, resultsPrefix: '', maxSliceBytes: 600 * MIB, start: startLocalSides },
  // All of it is kept in memory, and what goes straight to the store lies there twice.
  s3: { rows: s3Rows, resultsPrefix: 's3.', maxSliceBytes: 128 * MIB, start: startS3Sides },
}

async function startLocalSides(folder: string, nodeOptions: readonly string[], started: Started[]) {
  const files = join(folder, 'bare')
  await mkdir(files)
  const bare = await startBare(BARE_SCRIPT, [files], {})
  started.push(bare)
  const ours = await startService(join(folder, 'service'), nodeOptions, {})
  started.push(ours)
  return { bare, ours }
}

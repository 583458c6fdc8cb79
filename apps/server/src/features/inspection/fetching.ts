import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Source } from '../../providers/extractors/port.ts'
import { SOURCE_NAME } from '../../providers/previewers/port.ts'
import { openCopy, type Uploads } from '../uploads/room.ts'
import type { Desk } from './extraction.ts'
import { NotNow } from './pipeline.ts'
import type { Claim, Inspected } from './steps.sql.ts'

/**
 * Brings a version's bytes into the folder in which they are worked on.
 *
 * @returns what is known of them; their path is their name in the folder
 * @throws NotNow
 */
export async function fetchSource(
  uploads: Uploads,
  claim: Claim,
  found: Inspected,
  { folder, signal }: Pick<Desk, 'folder' | 'signal'>,
): Promise<Source> {
  if (!found.copy) throw new NotNow('no copy of the bytes can be read')
  const file = createWriteStream(join(folder, SOURCE_NAME), { mode: 0o600 })
  await pipeline(await openCopy(uploads, claim.tenant_id, found.copy, { signal }), file)
  return {
    path: SOURCE_NAME,
    sizeBytes: found.size_bytes,
    mediaType: found.media_type,
    name: found.name,
    ...(found.charset !== null && { charset: found.charset }),
  }
}

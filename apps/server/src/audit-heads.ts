import { createReadStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { KeptHeads, SealedHead } from './features/audit/room.ts'

const FILE = 'audit-heads.jsonl'

/** The chain's heads are also kept outside the database, so that cutting its end off shows. */
export async function keepHead(directory: string, head: SealedHead): Promise<void> {
  await appendFile(join(directory, FILE), `${JSON.stringify(head)}\n`, { mode: 0o600 })
}

/**
 * The heads in a file that `keepHead` wrote or a copy of it, by organization; none when the data folder has no such
 * file.
 *
 * @throws Error when a file that was asked for is not there, or when a line is not a head
 */
export async function readHeads(directory: string, file: string | undefined): Promise<Map<string, KeptHeads>> {
  const heads = new Map<string, KeptHeads>()
  const input = createReadStream(file ?? join(directory, FILE))
  const path = String(input.path)
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line !== '') addHead(heads, line, path)
    }
  } catch (error) {
    if (file !== undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return heads
}

function addHead(heads: Map<string, KeptHeads>, line: string, path: string): void {
  const { tenantId, n, head } = parsed(line, path)
  const ofTenant = heads.get(tenantId) ?? []
  heads.set(tenantId, ofTenant)
  ofTenant.push({ n, head })
}

function parsed(line: string, path: string): SealedHead {
  try {
    return JSON.parse(line) as SealedHead
  } catch (cause) {
    throw new Error(`${path} has a line that is no head: ${line.slice(0, 80)}`, { cause })
  }
}

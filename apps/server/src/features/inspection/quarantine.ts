import type { Output } from '@stowage/contract'
import { toId, toUuid } from '../../domain/id.ts'
import { Problem } from '../../domain/problem.ts'
import type { Context, Handler } from '../../platform/invoke.ts'
import { pageOf, positionOf } from '../../platform/page.ts'
import { letVariantsGo, lockAssetRow, purgeAsset, recordUsage, removeVersions, shareHoldGuard } from '../assets/room.ts'
import * as rows from './quarantine.sql.ts'
import { askStep, INTERACTIVE } from './steps.sql.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const REPORT_DAYS = 30
const REPORTED_ENTRIES = 1000

export interface QuarantineOptions {
  /** Where copies go back to when they are released, unless the organization has a store of its own. */
  homeStoreId: string
}

type Names = `quarantine.${'list' | 'release' | 'revoke' | 'purge'}` | 'securityReports.get'

/** What was found to be harmful: look at it, release it, take that back, purge it, and the report of a period. */
export function quarantineHandlers(options: QuarantineOptions) {
  return {
    'quarantine.list': async (context, { limit, cursor, ...filter }) => {
      const question = { list: 'quarantine', ...filter }
      const position = positionOf(context, question, cursor) as [string, string] | undefined
      const from = position && { at: position[0], id: position[1] }
      const found = await rows.findEntries(context.db, context.tenantId, filter, from, limit + 1)
      return pageOf(context, question, limit, found, shown, (row) => [row.found_at.toISOString(), row.id])
    },
    'quarantine.release': async (context, { quarantineId, reason }) => {
      const entry = await lock(context, quarantineId, 'held')
      const by = { principal: context.principal, reason }
      await rows.releaseBytes(context.db, context.tenantId, entry, by, options.homeStoreId)
      return turned(context, entry.id, 'released', reason)
    },
    'quarantine.revoke': async (context, { quarantineId, reason }) => {
      const entry = await lock(context, quarantineId, 'released')
      await rows.condemnBytes(context.db, context.tenantId, entry)
      const bearer = await rows.findBearer(context.db, context.tenantId, entry.sha256)
      if (bearer) await askStep(context.db, { ...bearer, name: 'quarantine' }, INTERACTIVE)
      return turned(context, entry.id, 'held', reason)
    },
    'quarantine.purge': async (context, { quarantineId }) => {
      await shareHoldGuard(context.db, context.tenantId)
      const { id, sha256 } = await lock(context, quarantineId, 'held')
      for (const holder of await rows.findHolders(context.db, context.tenantId, sha256))
        await purgeFrom(context, holder)
      await letVariantsGo(
        context.db,
        context.tenantId,
        await rows.deleteVariants(context.db, context.tenantId, sha256),
        0,
      )
      await turn(context, id, 'purged', null)
      return undefined
    },
    'securityReports.get': report,
  } satisfies { [Name in Names]: Handler<Name> }
}

/** @throws Problem `quarantine.notFound` | `quarantine.ended` */
async function lock(context: Context, quarantineId: string, wanted: 'held' | 'released') {
  const entry = await rows.lockEntry(context.db, context.tenantId, toUuid(quarantineId))
  if (!entry) throw new Problem('quarantine.notFound')
  if (entry.state !== wanted) throw new Problem('quarantine.ended', { state: entry.state })
  return entry
}

async function turn(context: Context, id: string, state: 'held' | 'released' | 'purged', reason: string | null) {
  const ending = { state, reason, by: context.principal, at: context.now }
  await rows.turnEntry(context.db, context.tenantId, id, ending)
}

async function turned(context: Context, id: string, state: 'held' | 'released', reason: string) {
  await turn(context, id, state, reason)
  const [entry] = await rows.findEntries(context.db, context.tenantId, { id }, undefined, 1)
  return shown(entry as rows.Entry)
}

/** The asset goes with its last version; otherwise its newest other version takes the place of one that was current. */
async function purgeFrom({ db, tenantId }: Context, { asset_id: assetId, numbers, left }: rows.Holder): Promise<void> {
  const asset = await lockAssetRow(db, tenantId, assetId)
  if (!asset) return
  if (left === null) return purgeAsset(db, tenantId, assetId, 0)
  if (numbers.includes(asset.current_n)) await rows.makeLeftCurrent(db, tenantId, assetId, left)
  const freed = await removeVersions(db, tenantId, assetId, numbers, 0)
  await recordUsage(db, tenantId, { bytes: -freed.bytes, files: 0, storedBytes: -freed.storedBytes })
}

const report: Handler<'securityReports.get'> = async ({ db, tenantId, now }, input) => {
  const to = input.to === undefined ? now : new Date(input.to)
  const from = input.from === undefined ? new Date(to.getTime() - REPORT_DAYS * DAY_MS) : new Date(input.from)
  const scans = await rows.countScans(db, tenantId, from, to)
  const findings = await rows.countFindings(db, tenantId, from, to)
  const entries = await rows.findEntries(db, tenantId, { from, to }, undefined, REPORTED_ENTRIES)
  const count = (scan: string) => sum(scans.filter((row) => row.scan === scan))
  const ended = (state: string) => sum(findings.filter((row) => row.state === state))
  const reasons = scans.filter((row) => row.scan === 'not_scanned')
  const names = [...new Set(findings.map((row) => row.finding))].sort()
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    files: {
      clean: count('clean'),
      infected: count('infected'),
      pending: count('pending'),
      notScanned: count('not_scanned'),
      error: count('error'),
    },
    notScannedReasons: Object.fromEntries(reasons.map((row) => [row.scan_reason ?? 'unknown', row.count])),
    found: sum(findings),
    held: ended('held'),
    released: ended('released'),
    purged: ended('purged'),
    findings: names.map((finding) => ({ finding, count: sum(findings.filter((row) => row.finding === finding)) })),
    entries: entries.map(shown),
  }
}

function sum(counted: readonly { count: number }[]): number {
  return counted.reduce((total, { count }) => total + count, 0)
}

function shown(row: rows.Entry): Output<'quarantine.list'>['items'][number] {
  return {
    id: toId('quarantine', row.id),
    state: row.state as 'held',
    finding: row.finding,
    signatures: row.signatures,
    sha256: row.sha256.toString('hex'),
    sizeBytes: row.size_bytes,
    name: row.name,
    assetIds: row.asset_ids.map((id) => toId('asset', id)),
    foundAt: row.found_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    endedBy: row.ended_by && toId(row.ended_by_kind === 'user' ? 'member' : 'apiKey', row.ended_by),
    reason: row.reason,
  }
}

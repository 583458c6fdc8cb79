import { Problem } from '../../domain/problem.ts'

/** Whether a version's bytes may be read: clean, or not scanned for a reason that the organization accepts. */
export function refuseUnreadable(found: {
  state: string
  scan: string
  scan_reason: string | null
  readable_unscanned: readonly string[]
}): void {
  if (found.state === 'trashed') throw new Problem('asset.trashed')
  if (found.state === 'quarantined') throw new Problem('asset.quarantined')
  const readable =
    found.scan === 'clean' ||
    (found.scan === 'not_scanned' && found.readable_unscanned.includes(found.scan_reason ?? ''))
  if (!readable) throw new Problem('asset.notReadable', { scanStatus: found.scan, reason: found.scan_reason })
}

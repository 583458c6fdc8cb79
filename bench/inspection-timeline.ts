import type pg from 'pg'

/** What the database tells of the steps of one organization's files, each held against when its file was acknowledged. */

export interface Timeline {
  /** From the acknowledgement of a file to the end of its last step, in milliseconds, ascending. */
  untilUnderstoodMs: Float64Array
  steps: StepTimes[]
  readers: ReaderTimes[]
  /** Files with a step that was given up. */
  dead: number
  /** When the last step ended, in milliseconds since 1970. */
  endedAtMs: number
}

/** Means of one step over all files. */
export interface StepTimes {
  step: string
  files: number
  /** Since the step before it, or the acknowledgement. */
  waitMs: number
  runMs: number
}

export interface ReaderTimes {
  reader: string
  files: number
  runMs: number
}

interface Row {
  asset_id: string
  step: string
  state: string
  duration_ms: number
  ended_ms: number
  reader: string | null
}

/** @param acknowledgedMs by asset, as the database calls it */
export async function timelineOf(
  client: pg.Client,
  tenantId: string,
  acknowledgedMs: ReadonlyMap<string, number>,
): Promise<Timeline> {
  const { rows } = await client.query<Row>(
    `select s.asset_id, s.name as step, s.state, coalesce(s.duration_ms, 0) as duration_ms,
        (extract(epoch from s.updated_at) * 1000)::float8 as ended_ms, f.extractor as reader
      from stowage.step s left join stowage.version_facts f using (tenant_id, asset_id, n)
      where tenant_id = $1 order by s.asset_id, s.updated_at, s.duration_ms desc`,
    [tenantId],
  )
  const waits = new Map<string, number[]>()
  const runs = new Map<string, number[]>()
  const readers = new Map<string, number[]>()
  const lastEnd = new Map(acknowledgedMs)
  for (const { asset_id: id, step, duration_ms: runMs, ended_ms: endedMs, reader } of rows) {
    const before = lastEnd.get(id) ?? endedMs
    add(waits, step, Math.max(0, endedMs - runMs - before))
    add(runs, step, runMs)
    if (step === 'extract') add(readers, reader ?? 'none', runMs)
    lastEnd.set(id, Math.max(before, endedMs))
  }
  const until = [...acknowledgedMs].map(([id, at]) => (lastEnd.get(id) ?? at) - at)
  return {
    untilUnderstoodMs: Float64Array.from(until).sort(),
    steps: [...runs].map(([step, all]) => ({
      step,
      files: all.length,
      waitMs: meanOf(waits.get(step) ?? []),
      runMs: meanOf(all),
    })),
    readers: [...readers].map(([reader, all]) => ({ reader, files: all.length, runMs: meanOf(all) })),
    dead: rows.filter(({ state }) => state === 'dead').length,
    endedAtMs: Math.max(...lastEnd.values()),
  }
}

function add(lists: Map<string, number[]>, key: string, value: number): void {
  lists.set(key, [...(lists.get(key) ?? []), value])
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

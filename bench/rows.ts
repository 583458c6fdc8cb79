export type Action = 'upload' | 'download' | 'redirect' | 'direct' | 'multipart' | 'list' | 'found' | 'sign'

/** One line of the results: what so many callers do at once, and what must hold. */
export interface Row {
  name: string
  action: Action
  callers: number
  /** Of each body; 0 where none moves. */
  sizeBytes: number
  /** The least share of the bare server's rate; undefined where none is promised or there is nothing to compare. */
  floor: number | undefined
  /** What the service may use beyond the bare server's peak; undefined where none is promised. */
  memoryAllowanceBytes: number | undefined
  /** Whether the bare server can do it too. */
  compared: boolean
}

export const KIB = 1024
export const MIB = 1024 * KIB

/** Assets that exist when lists are measured. */
export const LISTED_ASSETS = { full: 10_000, quick: 2_000 }
export const LIST_LIMIT = 100
/** In which they lie, apart from what other rows leave behind. */
export const LISTED_ORGANIZATION = 'lists'

const MEMORY_ALLOWANCE_BYTES = 100_000_000

const sizes = [
  { label: '1k', sizeBytes: KIB, callers: [1, 32, 256], floors: { upload: 0.35, download: undefined } },
  { label: '100k', sizeBytes: 100 * KIB, callers: [1, 32, 256, 1000], floors: { upload: 0.5, download: undefined } },
  { label: '10m', sizeBytes: 10 * MIB, callers: [1, 8], floors: { upload: 0.7, download: 0.7 } },
]

/** With the files on this disk. */
export const localRows: readonly Row[] = [
  ...(['upload', 'download'] as const).flatMap((action) =>
    sizes.flatMap(({ label, sizeBytes, callers, floors }) =>
      callers.map((count) => ({
        name: `${action}-${label}-${count}`,
        action,
        callers: count,
        sizeBytes,
        floor: floors[action],
        memoryAllowanceBytes: MEMORY_ALLOWANCE_BYTES,
        compared: true,
      })),
    ),
  ),
  ...(['list', 'sign'] as const).map((action) => ({
    name: `${action}-32`,
    action,
    callers: 32,
    sizeBytes: 0,
    floor: undefined,
    memoryAllowanceBytes: undefined,
    compared: false,
  })),
]

const s3Loads: readonly { action: Action; label: string; sizeBytes: number; callers: readonly number[] }[] = [
  { action: 'upload', label: '100k', sizeBytes: 100 * KIB, callers: [1, 32] },
  { action: 'upload', label: '10m', sizeBytes: 10 * MIB, callers: [1, 8] },
  { action: 'direct', label: '1m', sizeBytes: MIB, callers: [1, 32] },
  { action: 'multipart', label: '64m', sizeBytes: 64 * MIB, callers: [1, 4] },
  { action: 'download', label: '100k', sizeBytes: 100 * KIB, callers: [1, 32] },
  { action: 'download', label: '10m', sizeBytes: 10 * MIB, callers: [1, 8] },
  { action: 'redirect', label: '10m', sizeBytes: 10 * MIB, callers: [1, 8] },
]

/** With the files in an S3 server: through the service, and past it. Nothing is promised of them. */
export const s3Rows: readonly Row[] = s3Loads.flatMap(({ action, label, sizeBytes, callers }) =>
  callers.map((count) => ({
    name: `${action}-${label}-${count}`,
    action,
    callers: count,
    sizeBytes,
    floor: undefined,
    memoryAllowanceBytes: undefined,
    compared: true,
  })),
)

/** The rows whose names begin with one of the words; all of them without a word. */
export function chooseRows(rows: readonly Row[], words: readonly string[]): Row[] {
  for (const word of words) {
    if (!rows.some((row) => row.name.startsWith(word))) throw new Error(`no row is called ${word}`)
  }
  return rows.filter((row) => words.length === 0 || words.some((word) => row.name.startsWith(word)))
}

export type Action = 'upload' | 'download' | 'list' | 'sign'

/** One line of the results: what so many callers do at once, and what must hold. */
export interface Row {
  name: string
  action: Action
  callers: number
  /** Of each body; 0 where none moves. */
  sizeBytes: number
  /** The least share of the bare server's rate; undefined where none is promised or there is nothing to compare. */
  floor: number | undefined
  /** Whether the bare server can do it too. */
  compared: boolean
}

const KIB = 1024
const MIB = 1024 * KIB

/** Assets that exist when lists are measured. */
export const LISTED_ASSETS = { full: 10_000, quick: 2_000 }
export const LIST_LIMIT = 100

/** What the service may use beyond the bare server's peak. */
export const MEMORY_ALLOWANCE_BYTES = 100_000_000

const sizes = [
  { label: '1k', sizeBytes: KIB, callers: [1, 32, 256], floors: { upload: 0.35, download: undefined } },
  { label: '100k', sizeBytes: 100 * KIB, callers: [1, 32, 256, 1000], floors: { upload: 0.5, download: undefined } },
  { label: '10m', sizeBytes: 10 * MIB, callers: [1, 8], floors: { upload: 0.7, download: 0.7 } },
]

/** Every row there is, named such as `upload-1k-32`. */
export const rows: readonly Row[] = [
  ...(['upload', 'download'] as const).flatMap((action) =>
    sizes.flatMap(({ label, sizeBytes, callers, floors }) =>
      callers.map((count) => ({
        name: `${action}-${label}-${count}`,
        action,
        callers: count,
        sizeBytes,
        floor: floors[action],
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
    compared: false,
  })),
]

/** The rows whose names begin with one of the words; all of them without a word. */
export function chooseRows(words: readonly string[]): Row[] {
  for (const word of words) {
    if (!rows.some((row) => row.name.startsWith(word))) throw new Error(`no row is called ${word}`)
  }
  return rows.filter((row) => words.length === 0 || words.some((word) => row.name.startsWith(word)))
}

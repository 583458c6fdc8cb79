import type { Row } from './rows.ts'

/** What was measured of one server in one row, over all its slices. */
export interface Figures {
  requestsPerSecond: number
  /** Of file bytes; 0 where none move. */
  mibPerSecond: number
  p50Ms: number
  p99Ms: number
  serverCpuMs: number
  databaseCpuMs: number
  peakBytes: number
  /** By the server's process, of a request: what it read and wrote, its database's answers and its logs included. */
  movedBytes: number
  requests: number
  failed: number
  firstFailure: string | undefined
}

export interface Result {
  row: Row
  ours: Figures
  bare: Figures | undefined
  /** Our rate as a share of the bare server's. */
  ratio: number | undefined
}

const HEAD = [
  'row',
  'req/s',
  'MiB/s',
  'p50 ms',
  'p99 ms',
  'CPU ms/op server',
  'database',
  'peak MB',
  'KiB/op moved',
  'bare req/s',
  'bare p99 ms',
  'bare CPU ms/op',
  'bare peak MB',
  'ratio',
]

/** The results as a Markdown table. */
export function table(results: readonly Result[]): string {
  const lines = [HEAD, HEAD.map(() => '---'), ...results.map(line)]
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

function line({ row, ours, bare, ratio }: Result): string[] {
  return [
    row.name,
    figure(ours.requestsPerSecond),
    row.sizeBytes > 0 ? figure(ours.mibPerSecond) : '',
    figure(ours.p50Ms),
    figure(ours.p99Ms),
    figure(ours.serverCpuMs),
    figure(ours.databaseCpuMs),
    figure(ours.peakBytes / 1e6),
    figure(ours.movedBytes / 1024),
    ...(bare
      ? [bare.requestsPerSecond, bare.p99Ms, bare.serverCpuMs, bare.peakBytes / 1e6].map(figure)
      : ['', '', '', '']),
    ratio === undefined ? '' : ratio.toFixed(2),
  ]
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)
}

/** What the results break: floors of rate and memory, and requests that failed. Empty when all holds. */
export function broken(results: readonly Result[]): string[] {
  return results.flatMap(({ row, ours, bare, ratio }) => [
    ...(ours.failed > 0 ? [`${row.name}: ${ours.failed} requests failed: ${ours.firstFailure}`] : []),
    ...(bare && bare.failed > 0 ? [`${row.name}: ${bare.failed} bare requests failed: ${bare.firstFailure}`] : []),
    ...(row.floor !== undefined && !((ratio as number) >= row.floor)
      ? [`${row.name}: ${ratio?.toFixed(2)} of the bare server's rate, the floor is ${row.floor}`]
      : []),
    ...(bare && ours.peakBytes > bare.peakBytes + (row.memoryAllowanceBytes ?? Infinity)
      ? [`${row.name}: ${Math.round((ours.peakBytes - bare.peakBytes) / 1e6)} MB more than the bare server`]
      : []),
  ])
}

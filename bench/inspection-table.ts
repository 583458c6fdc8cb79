import type { Cpu } from './inspection-cpu.ts'
import type { ReaderTimes, StepTimes } from './inspection-timeline.ts'

/** What was measured with so many workers, with a scanner or without one. */
export interface InspectionResult {
  workers: number
  scanner: boolean
  /** All files at once. */
  files: number
  mib: number
  filesPerSecond: number
  p50Ms: number
  p99Ms: number
  /** One file after the other, each when the one before it is understood. */
  aloneP50Ms: number
  aloneP99Ms: number
  /** Of all files at once. */
  cpuSeconds: Cpu
  steps: StepTimes[]
  readers: ReaderTimes[]
  /** A clean file of 50 MiB: from its first byte until it is acknowledged, and until it may be read. */
  bigAcknowledgedMs: number
  bigReadableMs: number
  /** Steps that were given up. */
  dead: number
}

/** The results as Markdown tables: on the whole, by step, and by reader. */
export function inspectionTable(results: readonly InspectionResult[]): string {
  return [wholeTable(results), stepTable(results), readerTable(results)].join('\n')
}

function wholeTable(results: readonly InspectionResult[]): string {
  const head = [
    'setup',
    'files',
    'MiB',
    'files/s',
    'p50 ms',
    'p99 ms',
    'alone p50 ms',
    'p99 ms',
    'CPU ms/file server',
    'workers',
    'children',
    'database',
    '50 MiB acknowledged ms',
    'readable ms',
  ]
  return table(
    head,
    results.map((result) => {
      const perFile = (seconds: number) => (seconds * 1000) / result.files
      const { server, workers, children, database } = result.cpuSeconds
      return [
        setupOf(result),
        ...[result.files, result.mib, result.filesPerSecond, result.p50Ms, result.p99Ms].map(figure),
        ...[result.aloneP50Ms, result.aloneP99Ms, ...[server, workers, children, database].map(perFile)].map(figure),
        ...[result.bigAcknowledgedMs, result.bigReadableMs].map(figure),
      ]
    }),
  )
}

function stepTable(results: readonly InspectionResult[]): string {
  const lines = results.flatMap((result) =>
    result.steps.map(({ step, files, waitMs, runMs }) => [
      setupOf(result),
      step,
      String(files),
      figure(waitMs),
      figure(runMs),
    ]),
  )
  return table(['setup', 'step', 'files', 'waits ms', 'runs ms'], lines)
}

function readerTable(results: readonly InspectionResult[]): string {
  const names = [...new Set(results.flatMap(({ readers }) => readers.map(({ reader }) => reader)))]
  const cells = (name: string) =>
    results.map(({ readers }) => {
      const found = readers.find(({ reader }) => reader === name)
      return found ? figure(found.runMs) : ''
    })
  const filesOf = (name: string) => results[0]?.readers.find(({ reader }) => reader === name)?.files ?? 0
  return table(
    ['reader', 'files', ...results.map((result) => `mean ms, ${setupOf(result)}`)],
    names.map((name) => [name, String(filesOf(name)), ...cells(name)]),
  )
}

function setupOf({ workers, scanner }: InspectionResult): string {
  return `${workers} worker${workers > 1 ? 's' : ''}${scanner ? ', clamd' : ''}`
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)
}

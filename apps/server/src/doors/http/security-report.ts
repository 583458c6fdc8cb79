import { getOperation, type Output } from '@stowage/contract'
import type { FastifyInstance } from 'fastify'
import { type Handler, invoke } from '../../platform/invoke.ts'
import { callOf } from './call.ts'
import { readCredential } from './credentials.ts'
import { inText } from './html.ts'
import { type Door, inputOf, routePath } from './routes.ts'

type Report = Output<'securityReports.get'>

/** The report for people, who print it or open it as a sheet. The same operation as its JSON. */
export function addSecurityReportRoutes(server: FastifyInstance, door: Door): void {
  const row = getOperation('securityReports.get')
  const handler = door.handlers['securityReports.get'] as Handler<'securityReports.get'>
  for (const { ending, type, write } of [
    { ending: 'csv', type: 'text/csv; charset=utf-8', write: reportSheet },
    { ending: 'html', type: 'text/html; charset=utf-8', write: reportPage },
  ]) {
    server.get(
      `${routePath(row)}.${ending}`,
      { config: { operation: 'securityReports.get' } },
      async (request, reply) => {
        const credential = await readCredential(request, door.tokens)
        const call = callOf(request, door.publicUrl, credential, inputOf(row, request))
        const report = await invoke(door.platform, 'securityReports.get', call, handler)
        return reply
          .type(type)
          .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
          .header('cache-control', 'private, no-store')
          .header('content-disposition', `inline; filename="security-report-${report.to.slice(0, 10)}.${ending}"`)
          .send(write(report))
      },
    )
  }
}

const COLUMNS = [
  'foundAt',
  'state',
  'finding',
  'name',
  'sizeBytes',
  'sha256',
  'assetIds',
  'endedAt',
  'endedBy',
  'reason',
] as const

/** RFC 4180, one line for each entry. */
export function reportSheet(report: Report): string {
  const lines = report.entries.map((entry) => COLUMNS.map((column) => inCell(textOf(entry[column]))))
  return [COLUMNS as readonly string[], ...lines].map((cells) => `${cells.join(',')}\r\n`).join('')
}

/** What a spreadsheet would take for a formula is made a text: names are whatever somebody chose. */
function inCell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

export function reportPage(report: Report): string {
  const { files, findings, entries } = report
  const figures = [
    ['clean', files.clean],
    ['infected', files.infected],
    ['waiting for the scanner', files.pending],
    ['not scanned', files.notScanned],
    ['failed', files.error],
  ]
  const reasons = Object.entries(report.notScannedReasons).map(([reason, count]) => `${inText(reason)} ${count}`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Security report</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #d5dbe3;vertical-align:top;overflow-wrap:anywhere}
</style></head><body><h1>Security report</h1><p>${inText(day(report.from))} to ${inText(day(report.to))}</p>
<h2>Files that came in</h2>${table(['', 'files'], figures)}${reasons.length > 0 ? `<p>Not scanned: ${reasons.join(', ')}</p>` : ''}
<h2>Found: ${report.found}</h2><p>${report.held} in quarantine, ${report.released} released, ${report.purged} purged</p>
${table(
  ['finding', 'times'],
  findings.map(({ finding, count }) => [finding, count]),
)}
${table(
  ['found', 'state', 'finding', 'file', 'bytes', 'reason'],
  entries.map((entry) => [entry.foundAt, entry.state, entry.finding, entry.name, entry.sizeBytes, entry.reason]),
)}
</body></html>`
}

function table(headers: readonly string[], rows: readonly (readonly unknown[])[]): string {
  if (rows.length === 0) return ''
  const cells = (tag: 'td' | 'th', values: readonly unknown[]) =>
    `<tr>${values.map((value) => `<${tag}>${inText(textOf(value))}</${tag}>`).join('')}</tr>`
  return `<table>${cells('th', headers)}${rows.map((row) => cells('td', row)).join('')}</table>`
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return Array.isArray(value) ? value.join(' ') : String(value)
}

function day(moment: string): string {
  return moment.slice(0, 16).replace('T', ' ')
}

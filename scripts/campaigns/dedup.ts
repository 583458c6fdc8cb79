import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { type Answer, type Caller, newOrganization, startService } from '../../apps/server/test/service.ts'

const KIBIBYTE = 1024

/** The fixed recipe of docs/reference/dedup-recipe.md. */
export const RECIPE = {
  reports: { count: 10, sizeBytes: 300 * KIBIBYTE, savedBy: 4 },
  contracts: { count: 6, sizeBytes: 200 * KIBIBYTE, edits: 2, uploadsOfEach: 2 },
  logos: { count: 3, sizeBytes: 24 * KIBIBYTE, projects: 12 },
  notes: { count: 20, sizeBytes: 150 * KIBIBYTE },
} as const

/** The most that may be stored of what was sent in. */
export const ALLOWED_SHARE = 0.6

export interface DedupFigures {
  logicalBytes: number
  storedBytes: number
  share: number
  /** Differences between what two organizations are answered for the same bytes: none. */
  signals: string[]
  otherStoredBytes: number
}

interface Upload {
  name: string
  assetType: string
  mediaType: string
  bytes: Buffer
  /** The recipe's name of the asset that this is a version of. */
  asset: string
}

/** Every upload of the recipe, in order; the same bytes on every run. */
export function recipe(): Upload[] {
  const uploads: Upload[] = []
  const text = { assetType: 'document_upload', mediaType: 'text/plain' }
  const { reports, contracts, logos, notes } = RECIPE
  for (let n = 0; n < reports.count; n += 1) {
    const bytes = textOf(`report ${n}`, reports.sizeBytes)
    for (let person = 0; person < reports.savedBy; person += 1)
      uploads.push({ ...text, name: `report-${n}-of-${person}.txt`, bytes, asset: `report ${n} ${person}` })
  }
  for (let n = 0; n < contracts.count; n += 1) {
    for (let edit = 0; edit <= contracts.edits; edit += 1) {
      const bytes = textOf(`contract ${n} edit ${edit}`, contracts.sizeBytes)
      for (let time = 0; time < contracts.uploadsOfEach; time += 1)
        uploads.push({ ...text, name: `contract-${n}.txt`, bytes, asset: `contract ${n}` })
    }
  }
  for (let project = 0; project < logos.projects; project += 1) {
    const n = project % logos.count
    const drawing = textOf(`logo ${n}`, logos.sizeBytes)
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><title>${drawing}</title></svg>`
    const logo = { assetType: 'project_logo', mediaType: 'image/svg+xml', bytes: Buffer.from(svg) }
    uploads.push({ ...logo, name: `logo-${project}.svg`, asset: `logo ${project}` })
  }
  for (let n = 0; n < notes.count; n += 1)
    uploads.push({ ...text, name: `note-${n}.txt`, bytes: textOf(`note ${n}`, notes.sizeBytes), asset: `note ${n}` })
  return uploads
}

function textOf(seed: string, sizeBytes: number): Buffer {
  const lines: string[] = []
  for (let n = 0; n * 65 < sizeBytes; n += 1) lines.push(createHash('sha256').update(`${seed} ${n}`).digest('hex'))
  return Buffer.from(lines.join('\n')).subarray(0, sizeBytes)
}

/** Stores the recipe in one organization and then in another, and compares what each is told (K4). */
export async function runDedup(call: Caller): Promise<DedupFigures> {
  const [one, other] = [await newOrganization(call), await newOrganization(call)]
  const first = await storeRecipe(call, one.id)
  const second = await storeRecipe(call, other.id)
  const usage = (await call('/v1/usage', { organization: one.id })).json
  const otherUsage = (await call('/v1/usage', { organization: other.id })).json
  const signals = first.flatMap((answer, index) => {
    const [told, toldOther] = [outline(answer), outline(second[index] as Answer)]
    return told === toldOther ? [] : [`${told} / ${toldOther}`]
  })
  return {
    logicalBytes: usage.bytes,
    storedBytes: usage.storedBytes,
    share: Math.round((usage.storedBytes / usage.bytes) * 1000) / 1000,
    signals,
    otherStoredBytes: otherUsage.storedBytes,
  }
}

async function storeRecipe(call: Caller, organization: string): Promise<Answer[]> {
  const ids = new Map<string, string>()
  const answers: Answer[] = []
  for (const { name, assetType, mediaType, bytes, asset } of recipe()) {
    const id = ids.get(asset)
    const path = id ? `/v1/assets/${id}/versions` : `/v1/assets?name=${name}&assetType=${assetType}`
    const answer = await call(path, { body: bytes, organization, headers: { 'content-type': mediaType } })
    if (answer.status !== 201) throw new Error(`${name} was answered ${answer.status}: ${answer.bytes}`)
    ids.set(asset, answer.json.id)
    answers.push(answer)
  }
  return answers
}

const OWN = new Set(['id', 'organizationId', 'url', 'createdAt', 'updatedAt'])
const OWN_HEADERS = new Set(['date', 'etag', 'location', 'x-request-id', 'last-modified'])

/** What an answer says, apart from ids and times. */
function outline({ status, headers, json }: Answer): string {
  const said = Object.entries(json).filter(([field]) => !OWN.has(field))
  const names = [...headers].map(([name, value]) => (OWN_HEADERS.has(name) ? name : `${name}: ${value}`))
  return JSON.stringify([status, said, names.sort()])
}

async function main(): Promise<number> {
  const service = await startService()
  try {
    const figures = await runDedup(service.call)
    process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
    const holds = figures.share <= ALLOWED_SHARE && figures.otherStoredBytes === figures.storedBytes
    return holds && figures.signals.length === 0 ? 0 : 1
  } finally {
    await service.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main()

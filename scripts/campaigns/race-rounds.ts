import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { jobs } from '../../apps/server/src/doors/worker/jobs.ts'
import { inspect } from '../../apps/server/src/fsck.ts'
import { withClient } from '../../apps/server/src/platform/database/client.ts'
import { createScopeKeyring, rewrapScopeKeys } from '../../apps/server/src/platform/scope-keys.ts'
import { masterKeysFromValue } from '../../apps/server/src/providers/keys/local-keys.ts'
import type { MasterKeys } from '../../apps/server/src/providers/keys/port.ts'
import {
  type Answer,
  newOrganization,
  newText,
  openService,
  type Service,
  uploadText,
} from '../../apps/server/test/service.ts'
import { stateOf } from './organization-state.ts'

/** Two master keys, as a node has them before a rotation and after it. */
export function twoMasterKeys(): { before: string; after: MasterKeys } {
  const [one, other] = ['one', 'other'].map((id) => `${id}:${randomBytes(32).toString('base64')}`)
  return { before: `${one},${other}`, after: masterKeysFromValue(`${other},${one}`) }
}

/** What the rounds of one race may use: the service, one with a per-version layout, and an organization of their own. */
interface Arena {
  service: Service
  perVersion: Service
  /** The service's master keys with another one current. */
  turnedKeys: MasterKeys
  organization: { id: string; slug: string }
}

/** One round. Answers the faults of what the callers were told; what lies in the database is checked afterwards. */
type Round = (arena: Arena, count: (what: string) => void) => Promise<string[]>

const LARGE_BYTES = 4096
const SMALL_BYTES = 512
const SLOW_PIECES = 12
const QUOTA_FILES = 30
const QUOTA_UPLOADS = 50

const races = {
  async identicalUploads({ service, organization }) {
    const bytes = anyText()
    const answers = await both(
      () => uploadText(service.call, bytes, { organization: organization.id }),
      () => uploadText(service.call, bytes, { organization: organization.id }),
    )
    return expectStatus(answers, [201])
  },
  async uploadAgainstPurge({ service, organization }) {
    const bytes = anyText()
    const upload = () => uploadText(service.call, bytes, { organization: organization.id })
    const first = await upload()
    const purge = () =>
      service.call(`/v1/assets/${first.json.id}?purge=true`, { method: 'DELETE', organization: organization.id })
    const [stored, removed] = await Promise.all([shuffled(upload), shuffled(purge), shuffled(() => reap(service))])
    return [...expectStatus([first, stored], [201]), ...expectStatus([removed], [204])]
  },
  async slowUploadAgainstReaper({ service, organization }, count) {
    let running = true
    const upload = service
      .call('/v1/assets?name=slow.txt', {
        body: slowBody(),
        headers: { 'content-type': 'text/plain' },
        organization: organization.id,
      })
      .finally(() => {
        running = false
      })
    while (running) {
      await reap(service)
      await pause(100)
    }
    const answer = await upload
    count(answer.status === 201 ? 'stored' : String(answer.json.code))
    return expectStatus([answer], [201], ['upload.lost'])
  },
  async makeCurrentAgainstPrune({ service, organization }, count) {
    const inIt = { organization: organization.id }
    const bytes = anyText()
    const { id } = (await uploadText(service.call, bytes, inIt)).json
    for (let n = 2; n <= 3; n += 1) await uploadText(service.call, anyText(), { ...inIt, assetId: id })
    const [made, pruned] = await both(
      () => service.call(`/v1/assets/${id}/versions/1/make-current`, { method: 'POST', ...inIt }),
      () => service.call(`/v1/assets/${id}/versions/prune`, { body: { keepLast: 1 }, ...inIt }),
    )
    count(made.status === 200 ? 'made current' : 'pruned first')
    return [...expectStatus([made], [200], ['version.notFound']), ...expectStatus([pruned], [200])]
  },
  async quotaAgainstUploads({ service, organization }, count) {
    const quotaBytes = QUOTA_FILES * LARGE_BYTES
    const inIt = { organization: organization.id }
    await service.call(`/v1/organizations/${organization.id}`, { method: 'PATCH', body: { quotaBytes }, ...inIt })
    const sizeBytes = Math.random() < 0.5 ? LARGE_BYTES : SMALL_BYTES
    const fits = Math.floor(quotaBytes / sizeBytes)
    if (sizeBytes === SMALL_BYTES) {
      // Fills the quota up to where as many small ones fit as there would be large ones.
      await uploadText(service.call, newText((fits - QUOTA_FILES) * SMALL_BYTES), inIt)
    }
    const answers = await Promise.all(
      Array.from({ length: QUOTA_UPLOADS }, () => uploadText(service.call, newText(sizeBytes), inIt)),
    )
    const stored = answers.filter((answer) => answer.status === 201).length
    count(`${stored} of ${QUOTA_FILES}`)
    const faults = expectStatus(answers, [201], ['quota.exceeded'])
    if (stored > QUOTA_FILES) faults.push(`${stored} uploads were taken, ${QUOTA_FILES} fit`)
    if (stored < QUOTA_FILES - 3) faults.push(`only ${stored} uploads were taken, ${QUOTA_FILES} fit`)
    return faults
  },
  async twoVersionsPerVersionLayout({ perVersion, organization }) {
    const inIt = { organization: organization.id }
    const { id } = (await uploadText(perVersion.call, newText(LARGE_BYTES), inIt)).json
    const answers = await both(
      () => uploadText(perVersion.call, newText(LARGE_BYTES), { ...inIt, assetId: id }),
      () => uploadText(perVersion.call, newText(LARGE_BYTES), { ...inIt, assetId: id }),
    )
    const listed = await perVersion.call(`/v1/assets/${id}/versions`, inIt)
    const current = listed.json.items.filter((version: { current: boolean }) => version.current)
    const faults = expectStatus(answers, [201])
    if (listed.json.items.length !== 3 || current.length !== 1) faults.push(`versions: ${listed.bytes}`)
    return faults
  },
  async rotateAgainstUploads({ service, turnedKeys, organization }) {
    const inIt = { organization: organization.id }
    const key = await service.call('/v1/api-keys', { body: { name: 'k', role: 'editor' }, ...inIt })
    const upload = () => uploadText(service.call, anyText(), { secret: key.json.secret })
    const first = await upload()
    const tenantId = await tenantOf(service, organization)
    const [answers, rotated] = await Promise.all([
      Promise.all(Array.from({ length: 4 }, () => shuffled(upload))),
      shuffled(() => service.call(`/v1/api-keys/${key.json.id}/rotate`, { body: { overlapSeconds: 60 }, ...inIt })),
      service.app.platform.inTenant(tenantId, (db) => rewrapScopeKeys(db, turnedKeys, tenantId)),
    ])
    return [...expectStatus([first, ...answers], [201]), ...expectStatus([rotated], [200, 201])]
  },
} satisfies Record<string, Round>

export type RaceName = keyof typeof races
export const raceNames = Object.keys(races) as RaceName[]

const ROUNDS_AT_ONCE: Partial<Record<RaceName, number>> = { slowUploadAgainstReaper: 16, quotaAgainstUploads: 2 }

export interface RaceFigures {
  rounds: number
  races: Record<string, { rounds: number; seconds: number; outcomes: Record<string, number> }>
  faults: string[]
}

/** Runs rounds of each race, checks the organization of every round, and at the end the whole service (P2). */
export async function runRaces(
  service: Service,
  turnedKeys: MasterKeys,
  names: readonly RaceName[],
  rounds: number,
): Promise<RaceFigures> {
  const config = { ...service.config, port: 0, layout: 'dated' }
  const perVersion = await openService(service.foundation, service.adminKey, config)
  const figures: RaceFigures = { rounds, races: {}, faults: [] }
  try {
    for (const name of names) await runRace(name, { service, perVersion, turnedKeys }, rounds, figures)
    await reap(service)
    figures.faults.push(...(await checkWhole(service)))
    figures.faults.push(...[...service.errors, ...perVersion.errors].map((line) => `logged: ${line.slice(0, 500)}`))
    return figures
  } finally {
    await perVersion.stop()
  }
}

async function runRace(
  name: RaceName,
  services: Omit<Arena, 'organization'>,
  rounds: number,
  figures: RaceFigures,
): Promise<void> {
  const outcomes: Record<string, number> = {}
  const count = (what: string) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1
  }
  const began = performance.now()
  let left = rounds
  const worker = async () => {
    while (left > 0) {
      left -= 1
      const organization = await newOrganization(services.service.call)
      const faults = await races[name]({ ...services, organization }, count)
      faults.push(...(await checkOrganization(services.service, organization)))
      figures.faults.push(...faults.map((fault) => `${name}: ${fault}`))
    }
  }
  await Promise.all(Array.from({ length: ROUNDS_AT_ONCE[name] ?? 6 }, worker))
  figures.races[name] = { rounds, seconds: Math.round((performance.now() - began) / 100) / 10, outcomes }
}

/** After a round and the reaper: versions have their bytes, bytes have their version, and the totals are right. */
async function checkOrganization(service: Service, organization: { id: string; slug: string }): Promise<string[]> {
  await reap(service)
  await jobs.fold(service.app.worker)
  const inIt = { organization: organization.id }
  const state = await withClient(service.foundation.owner, (client) => stateOf(client, organization.slug))
  const faults: string[] = []
  if (state.versionsWithoutCopy > 0) faults.push(`${state.versionsWithoutCopy} versions have no live copy`)
  if (state.copiesWithoutVersion > 0) faults.push(`${state.copiesWithoutVersion} live copies have no version`)
  if (state.unfinished > 0) faults.push(`${state.unfinished} copies are left unfinished`)
  for (const { assetId, n, sha256 } of state.versions) {
    const content = await service.call(`/v1/assets/${assetId}/content?version=${n}`, inIt)
    const actual = createHash('sha256').update(content.bytes).digest('hex')
    if (content.status !== 200 || actual !== sha256) faults.push(`${assetId} version ${n} is not what was stored`)
  }
  const totals = (await service.call('/v1/usage', inIt)).json
  const exact = (await service.call('/v1/usage?exact=true', inIt)).json
  for (const figure of ['bytes', 'files', 'storedBytes']) {
    if (totals[figure] !== exact[figure]) faults.push(`usage says ${figure} ${totals[figure]}, exact ${exact[figure]}`)
  }
  if (totals.quotaBytes !== null && exact.bytes > totals.quotaBytes) faults.push('the quota is exceeded')
  return faults
}

async function checkWhole(service: Service): Promise<string[]> {
  const { pools, stores, uploads } = service.app
  const keys = createScopeKeyring(pools.system, service.foundation.masterKeys)
  const report = await withClient(service.foundation.owner, (client) =>
    inspect(client, pools.system, stores, uploads.packs, keys, { quick: true }),
  )
  return [...report.missing, ...report.damaged, ...report.stray].map((fault) => `at the end: ${fault}`)
}

/** Everything that is due. Another round's reaper may hold some of it; that one finishes it. */
async function reap(service: Service): Promise<void> {
  await jobs.reap(service.app.worker)
}

async function tenantOf(service: Service, organization: { slug: string }): Promise<string> {
  const { tenantId } = await withClient(service.foundation.owner, (client) => stateOf(client, organization.slug))
  return tenantId
}

function anyText(): Buffer {
  return newText(Math.random() < 0.5 ? LARGE_BYTES : SMALL_BYTES)
}

function both(one: () => Promise<Answer>, other: () => Promise<Answer>): Promise<[Answer, Answer]> {
  return Promise.all([shuffled(one), shuffled(other)])
}

/** Starts a moment later, so that the rounds meet at different places. */
async function shuffled<Result>(work: () => Promise<Result>): Promise<Result> {
  if (Math.random() < 0.5) await pause(Math.random() * 8)
  return work()
}

/** A body that takes longer than a lease. */
function slowBody(): ReadableStream<Uint8Array> {
  let piece = 0
  return new ReadableStream({
    async pull(controller) {
      if (piece === SLOW_PIECES) return controller.close()
      if (piece > 0) await pause(250)
      piece += 1
      controller.enqueue(Buffer.from(`${randomBytes(1500).toString('base64')}\n`))
    },
  })
}

function expectStatus(answers: readonly Answer[], statuses: number[], problems: string[] = []): string[] {
  return answers
    .filter((answer) => !statuses.includes(answer.status) && !problems.includes(answer.json.code))
    .map((answer) => `answered ${answer.status}: ${answer.bytes.subarray(0, 300)}`)
}

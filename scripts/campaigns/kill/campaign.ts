import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { newDataFolder } from '../../../apps/server/test/data-folder.ts'
import {
  runCommand,
  type ServerProcess,
  type StartOptions,
  startServer,
} from '../../../apps/server/test/durability/server-process.ts'
import { checkAssets, createLedger, type KnownAsset, type Ledger } from './ledger.ts'
import { loadUntilGone } from './load.ts'

export interface CampaignOptions {
  kills: number
  /** No kill is begun after so long. */
  seconds: number
  /** An empty database; the embedded one when absent. */
  databaseUrl?: string | undefined
}

export interface Figures {
  database: 'embedded' | 'external'
  kills: number
  acknowledged: number
  purged: number
  /** Requests whose answer never came. */
  cut: number
  /** Answers that were no success, by status. */
  refused: Record<string, number>
  /** Broken promises, and versions without bytes. */
  lost: string[]
  /** Bytes that no row knows. */
  stray: string[]
  /** Unfinished copies that are left when every lease is over and the reaper has run. */
  pending: number
  versions: number
  seconds: number
}

const CALLERS = 32
const LEASE_SECONDS = 2
const LEAST_MS = 50
const MOST_MS = 3000
const OLDER_CHECKED = 100

/**
 * Kills a server under load at random moments, again and again on the same data, and looks each time whether all that
 * was acknowledged is there; at the end whether anything is left that should not be. Keeps the data folder, and names
 * it in `lost`, when a promise was broken.
 */
export async function runKillCampaign(options: CampaignOptions): Promise<Figures> {
  const begun = Date.now()
  const data = await newDataFolder()
  const start: StartOptions = {
    data,
    env: {
      STOWAGE_UPLOAD_LEASE_SECONDS: String(LEASE_SECONDS),
      ...(options.databaseUrl && { DATABASE_URL: options.databaseUrl }),
    },
  }
  const ledger = createLedger()
  const { kills, broken } = await killAgainAndAgain(start, options, ledger, begun)
  const left = await inspectAtRest(start)
  const lost = [...broken, ...left.missing, ...left.damaged]
  if (lost.length + left.stray.length + left.pending === 0) await rm(data, { recursive: true, force: true })
  else lost.push(`the data is in ${data}`)
  const { acknowledged, purged, cut, refused } = ledger
  const { stray, pending, versions } = left
  const seconds = Math.round((Date.now() - begun) / 1000)
  const database = options.databaseUrl ? 'external' : 'embedded'
  return { database, kills, acknowledged, purged, cut, refused, lost, stray, pending, versions, seconds }
}

async function killAgainAndAgain(start: StartOptions, options: CampaignOptions, ledger: Ledger, begun: number) {
  const broken: string[] = []
  let kills = 0
  let server = await startServer(start)
  while (kills < options.kills && Date.now() - begun < options.seconds * 1000) {
    const what = !options.databaseUrl && kills % 2 === 1 ? 'everything' : 'server'
    const touched = await killUnderLoad(server, what, ledger)
    kills += 1
    server = await startServer(start)
    broken.push(...(await checkAssets(server, [...touched, ...someOf(ledger, touched)])))
  }
  broken.push(...(await checkAssets(server, [...ledger.assets.values()])))
  await server.stop()
  return { kills, broken: [...new Set(broken)] }
}

async function killUnderLoad(server: ServerProcess, what: 'server' | 'everything', ledger: Ledger) {
  const load = loadUntilGone(server, ledger, CALLERS)
  await pause(LEAST_MS + Math.random() * (MOST_MS - LEAST_MS))
  await server.kill(what)
  return load
}

/** A few of those that earlier kills have left alone; the end of the campaign checks them all. */
function someOf(ledger: Ledger, except: readonly KnownAsset[]): KnownAsset[] {
  const known = new Set(except)
  const older = [...ledger.assets.values()].filter((asset) => !known.has(asset))
  const from = Math.floor(Math.random() * Math.max(1, older.length - OLDER_CHECKED))
  return older.slice(from, from + OLDER_CHECKED)
}

interface Left {
  versions: number
  missing: string[]
  damaged: string[]
  stray: string[]
  pending: number
}

/** What is left when nothing runs any more, every lease is over and every job has been done. */
async function inspectAtRest(start: StartOptions): Promise<Left> {
  await pause((LEASE_SECONDS + 1) * 1000)
  const jobs = await runCommand(['jobs'], start)
  if (jobs.status !== 0) throw new Error(`The jobs could not be run: ${jobs.output}`)
  const check = await runCommand(['fsck'], start)
  return JSON.parse(check.output) as Left
}

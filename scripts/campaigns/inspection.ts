import { spawn } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { openCorpus } from '../../apps/server/test/corpus/make.ts'
import type { Caller } from '../../apps/server/test/service.ts'
import { type HostileOptions, hostileFiles, type Sent, sendAll } from './inspection/hostile-load.ts'
import type { Asked } from './inspection/livez.ts'
import { type Watched, watchMemory, workingIn } from './inspection/processes.ts'
import { openGround, type Started, start } from './inspection/served.ts'

export interface InspectionFigures {
  seed: number
  sent: number
  accepted: number
  refused: Record<string, number>
  /** Uploads that got no proper answer. */
  unanswered: string[]
  /** Ends of steps: `extract done`, `extract dead`; `no step` of files that nobody here reads. */
  ends: Record<string, number>
  /** Why readings ended early, by the kind that stands first. */
  cutShort: Record<string, number>
  /** Steps that were given up, with their reasons. */
  dead: string[]
  /** Files that clamd takes longer over than it is waited for, again and again: their scan ends as `error`. */
  unscanned: string[]
  /** Steps that have not ended, or have ended without a reason where one is due. */
  unsettled: string[]
  livez: Asked
  memory: Watched
  /** Processes and folders that outlived the server. */
  left: string[]
  /** The server's exit status. */
  status: number | null
  seconds: number
}

export interface InspectionOptions extends HostileOptions {
  /** No file is sent, and none waited for, after so long. */
  seconds: number
  clamd?: string | undefined
}

const POLL_MS = 500
const ASKED_AT_ONCE = 8
const ENDED = new Set(['done', 'skipped', 'dead'])

/**
 * Sends hostile files to a server of its own, which reads them in its sandbox, and asks it every 20 ms whether it is
 * alive. Each file must come to a recorded result, and nothing may be left of it all when the server has stopped.
 */
export async function runInspection(options: InspectionOptions): Promise<InspectionFigures> {
  const begun = Date.now()
  const until = begun + options.seconds * 1000
  const corpus = await openCorpus()
  const ground = await openGround({ ...(options.clamd && { STOWAGE_CLAMD: options.clamd }) })
  const server = await start(ground, 'serve')
  const memory = watchMemory(server.pid)
  const livez = askLivez(server)
  try {
    const sent = await sendAll(server.call, hostileFiles(corpus, options), until)
    await settle(server, until)
    const ended = await endsOf(server.call, sent)
    const asked = await livez.stop()
    const peak = memory.stop()
    const status = await server.stop()
    const folders = (await ground.leftovers()).filter((name) => name.startsWith('stowage-sandbox-'))
    const refusals = Object.values(sent.refused).reduce((sum, count) => sum + count, 0)
    return {
      seed: options.seed,
      sent: sent.accepted.size + refusals + sent.unanswered.length,
      accepted: sent.accepted.size,
      refused: sent.refused,
      unanswered: sent.unanswered,
      ...ended,
      livez: asked,
      memory: peak,
      left: [...folders, ...workingIn(ground.temporary)],
      status,
      seconds: Math.round((Date.now() - begun) / 1000),
    }
  } finally {
    await livez.stop()
    memory.stop()
    await server.stop()
    await ground.remove()
  }
}

function askLivez({ url = '' }: Started): { stop(): Promise<Asked> } {
  const asking = spawn(process.execPath, [new URL('./inspection/livez.ts', import.meta.url).pathname, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const printed = buffer(asking.stdout)
  return {
    async stop() {
      asking.stdin.end()
      return JSON.parse((await printed).toString()) as Asked
    },
  }
}

/** Waits until no step waits or runs any more. */
async function settle({ url }: Started, until: number): Promise<void> {
  while (Date.now() < until) {
    const text = await (await fetch(`${url}/metrics`)).text()
    const open = [...text.matchAll(/^stowage_steps\{[^}]*state="(?:waiting|running)"[^}]*\} (\d+)/gm)]
    if (open.every(([, count]) => count === '0')) return
    await pause(POLL_MS)
  }
}

type Ends = Pick<InspectionFigures, 'ends' | 'cutShort' | 'dead' | 'unscanned' | 'unsettled'>

async function endsOf(call: Caller, { accepted }: Sent): Promise<Ends> {
  const found: Ends = { ends: {}, cutShort: {}, dead: [], unscanned: [], unsettled: [] }
  const left = [...accepted]
  const ask = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [name, id] = next
      const { status, json } = await call(`/v1/assets/${id}/steps`)
      if (status !== 200) found.unsettled.push(`${name}: ${status}`)
      const steps = (json.items ?? []) as Step[]
      // Nobody reads such files.
      if (steps.length === 0) count(found.ends, 'no step')
      for (const step of steps) note(found, name, step)
    }
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask))
  return found
}

interface Step {
  name: string
  state: string
  reason: string | null
  attempts: number
}

function note(found: Ends, file: string, { name, state, reason, attempts }: Step): void {
  count(found.ends, `${name} ${state}`)
  if (state === 'dead') {
    const isUnscanned = name === 'scan' && reason === 'clamd does not answer'
    if (isUnscanned) found.unscanned.push(file)
    else found.dead.push(`${file}: ${name}: ${reason}`)
  }
  const mustSayWhy = state === 'dead' || state === 'skipped'
  if (!ENDED.has(state) || (mustSayWhy && !reason))
    found.unsettled.push(`${file}: ${name} is ${state} after ${attempts} attempts: ${reason}`)
  if (state === 'done' && name === 'extract' && reason) count(found.cutShort, reason.split(':')[0] as string)
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}

/** What a server that stays usable keeps to; too much to ask of a machine that runs tests beside it. */
function isUsable({ livez }: InspectionFigures): boolean {
  return livez.failed === 0 && livez.p999Ms < 100 && livez.maxMs < 1000
}

/** Prints the figures as one line of JSON; 1 when a file has no result, something is left, or the server was slow. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mutated: { type: 'string', default: '2000' },
      external: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      seconds: { type: 'string', default: '2400' },
      clamd: { type: 'string', default: process.env['STOWAGE_TEST_CLAMD'] ?? '' },
    },
  })
  const [mutated, external, seed, seconds] = [values.mutated, values.external, values.seed, values.seconds].map(Number)
  const figures = await runInspection({
    mutated: mutated as number,
    external: external as number,
    seed: seed as number,
    seconds: seconds as number,
    clamd: values.clamd || undefined,
  })
  process.stdout.write(`${JSON.stringify(figures)}\n`)
  const { unanswered, unsettled, dead, left, status } = figures
  return unanswered.length + unsettled.length + dead.length + left.length + (status ?? 1) === 0 && isUsable(figures)
    ? 0
    : 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main()

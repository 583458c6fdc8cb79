// First, before anything fills the heap.
import './heap.ts'
import { resolve } from 'node:path'
import { destination, type Logger, pino } from 'pino'
import { type App, createApp } from './app.ts'
import { verifyEverything } from './audit-check.ts'
import { trimEverything } from './audit-trim.ts'
import { type Config, readConfig } from './config.ts'
import { doctor } from './doctor.ts'
import { runJobs } from './doors/worker/run-jobs.ts'
import { type Foundation, layFoundation } from './foundation.ts'
import { fsck } from './fsck.ts'
import { iam } from './iam.ts'
import { type BeginWork, openDoors } from './open-doors.ts'
import { posture } from './posture.ts'
import { missingPrograms } from './programs.ts'
import { provision } from './provision.ts'
import { reprocess } from './reprocess.ts'
import { rotateKeys } from './rotate-keys.ts'
import { verifyAtStart } from './verify-store.ts'
import { workInThread } from './work-in-thread.ts'

const USAGE = `stowage-server COMMAND

  serve          serve the API (the default)
  fsck           check that every version has its bytes and no byte is stray; --quick skips reading them
  work           do the pipeline's and all other background work, without serving; for more machines on one database
  reprocess      have a step of the pipeline done again: reprocess scan|extract|transcribe|classify|variants
                 [--organization SLUG] [--media-type TYPE] [--current]; prints how far it is
  jobs           run every scheduled job now, until none finds anything to do, and print what each has done
  audit-verify   check every organization's audit chain, also against the heads in the data folder or in FILE
  audit-trim     remove audit events sealed before a moment, leaving a signed checkpoint
  rotate-keys    wrap every key with the current master key

  Each of these is about the store that is named, or else about every configured one:
  doctor         try everything that the service does with a store, and say what to mend
  provision      print what is to be done to set a bucket up; --apply does it; see docs/how-to/stores.md for more
  posture        check the settings of a bucket; the exit code is 1 when one is wrong
  iam            print the policies and roles that are needed and no more; --apply makes them

Settings come from the environment; see docs/configuration.md.`

const commands: Record<string, (config: Config, words: string[]) => Promise<number>> = {
  serve: (config) => run(config, { http: true, work: workOf(config) }),
  work: (config) => run(config, { http: false, work: () => workHere }),
  reprocess: (config, words) => withFoundation(config, (foundation, log) => reprocess(config, foundation, log, words)),
  fsck: (config, words) =>
    withFoundation(config, (foundation, log) => fsck(config, foundation, log, { quick: words.includes('--quick') })),
  jobs: (config) => withFoundation(config, (foundation, log) => runEveryJob(config, foundation, log)),
  'audit-verify': (config, words) =>
    withFoundation(config, (foundation) => verifyEverything(foundation, config.data, words[0])),
  'audit-trim': (config, words) => withFoundation(config, (foundation) => trimEverything(foundation, words[0])),
  'rotate-keys': (config) => withFoundation(config, (foundation) => rotateKeys(foundation)),
  doctor,
  provision,
  posture,
  iam,
}

const [name = 'serve', ...words] = process.argv.slice(2)
const command = commands[name]
if (!command) {
  process.stdout.write(`${USAGE}\n`)
  process.exitCode = name === '--help' || name === 'help' ? 0 : 2
} else {
  try {
    process.exitCode = await command(prepared(readConfig(process.env)), words)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    if (process.env['STOWAGE_LOG_LEVEL'] === 'debug') process.stderr.write(`${(error as Error).stack}\n`)
    process.exitCode = 1
  }
}

function prepared(config: Config): Config {
  return { ...config, data: resolve(config.data) }
}

type Fail = (reason: string) => void

// Loaded by whoever works: the thread that serves does without its queue, as the one that works does without the door.
async function workHere(...given: Parameters<BeginWork>): ReturnType<BeginWork> {
  return (await import('./work-here.ts')).workHere(...given)
}

/** Who works in the background of a server: a thread, unless only this one can reach the files. */
function workOf(config: Config): (fail: Fail) => BeginWork | undefined {
  if (!config.worker) return () => undefined
  return config.store === 'memory' ? () => workHere : workInThread
}

async function run(
  config: Config,
  doing: { http: boolean; work: (fail: Fail) => BeginWork | undefined },
): Promise<number> {
  const log = pino({ level: config.logLevel }, destination({ sync: false }))
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>()
  const foundation = await layFoundation(config, log, fail)
  const app = await openApp(config, foundation, log)
  const work = doing.work(fail)
  const doors = await openDoors(app, config, foundation, log, { http: doing.http, work })
  // Whoever is told that it serves may stop it at once.
  const stopped = Promise.race([
    failed,
    ...(['SIGTERM', 'SIGINT'] as const).map((each) => new Promise<string>((settle) => process.once(each, settle))),
  ])
  // A supervisor may send it to a group, and what starts us passes it on as well: once is enough.
  process.on('SIGTERM', () => {})
  void tellOfStore(config, log)
  if (config.store === 'memory') log.warn('the store is memory: every file is lost when the server ends')
  process.stdout.write(`${doors.url === undefined ? 'Stowage works in the background' : greeting(config, doors.url)}\n`)
  if (work && config.extract) for (const line of missingPrograms()) process.stdout.write(`${line}\n`)
  const signal = await stopped
  log.info({ signal }, 'stopping')
  await doors.stop()
  return signal.startsWith('SIG') ? 0 : 1
}

/** Nothing that was started may keep the process alive when the service cannot be. */
async function openApp(config: Config, foundation: Foundation, log: Logger): Promise<App> {
  try {
    return await createApp(config, foundation, log)
  } catch (error) {
    await foundation.stop()
    throw error
  }
}

function greeting(config: Config, url: string): string {
  const key = config.adminKey ? 'STOWAGE_ADMIN_KEY' : `the file ${resolve(config.data, 'admin-key')}`
  return `Stowage serves ${url} — API page ${url}/docs — platform key in ${key}`
}

/** What is wrong with the store for new files, or with its credentials, said while the service is already serving. */
async function tellOfStore(config: Config, log: Logger): Promise<void> {
  try {
    for (const { storeId, level, words } of await verifyAtStart(config)) {
      log[level === 'problem' ? 'error' : 'warn']({ store: storeId }, words)
    }
  } catch (error) {
    log.warn({ err: error }, 'the store could not be verified')
  }
}

async function runEveryJob(config: Config, foundation: Foundation, log: Logger): Promise<number> {
  const app = await createApp(config, foundation, log)
  try {
    process.stdout.write(`${JSON.stringify(await runJobs(app.worker))}\n`)
    return 0
  } finally {
    await app.close()
  }
}

async function withFoundation(
  config: Config,
  work: (foundation: Foundation, log: Logger) => Promise<number>,
): Promise<number> {
  const log = pino({ level: 'warn' }, destination({ dest: 2, sync: true }))
  const foundation = await layFoundation(config, log, () => {})
  try {
    return await work(foundation, log)
  } finally {
    await foundation.stop()
  }
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startChild } from './child.ts'
import { BWRAP, type Guards, type Plan } from './guards.ts'
import { findProgram } from './programs.ts'

const MEBIBYTE = 2 ** 20
const PROBE = { grants: [], memoryBytes: 512 * MEBIBYTE, cpuSeconds: 10 }

const run = promisify(execFile)

/**
 * Finds out what guards work here: each is tried on a real child, because a tool that is there may still be refused by
 * a container, a kernel setting or a limit of the account.
 *
 * @throws SandboxError `unavailable` when Node does not even start without them
 */
export async function choosePlan(parent: string): Promise<Plan> {
  const prlimit = await choosePrlimit()
  for (const cage of cages())
    for (const limits of prlimit === undefined ? [undefined] : [prlimit, undefined]) {
      const plan = planOf(limits, cage)
      if (await works(plan, parent)) return plan
    }
  const bare = planOf(undefined, NO_CAGE)
  await tryOut(bare, parent)
  return bare
}

function planOf(prlimit: readonly string[] | undefined, { cage, guards }: Cage): Plan {
  const memory = prlimit === undefined ? 'watched' : 'prlimit'
  return { guards: { memory, ...guards }, nice: findProgram('nice'), prlimit, cage }
}

async function choosePrlimit(): Promise<readonly string[] | undefined> {
  const prlimit = findProgram('prlimit')
  if (prlimit === undefined) return undefined
  // The processes of an account are counted on the whole machine: a bound for the worst, the watch has a closer one.
  const candidates = [['--core=0', '--nofile=1024', '--nproc=4096'], ['--core=0']]
  for (const limits of candidates) {
    const worked = await run(prlimit, [...limits, '/bin/sh', '-c', ':']).then(
      () => true,
      () => false,
    )
    if (worked) return [prlimit, ...limits]
  }
  return undefined
}

interface Cage {
  cage: readonly string[]
  guards: Omit<Guards, 'memory'>
}

const NO_CAGE: Cage = { cage: [], guards: { network: 'none', files: 'node-permission', programFiles: 'none' } }

/** From the strongest. */
function cages(): Cage[] {
  const [bwrap, unshare] = [findProgram('bwrap'), findProgram('unshare')]
  const strongest: Cage[] =
    bwrap === undefined
      ? []
      : [{ cage: [bwrap, ...BWRAP], guards: { network: 'bwrap', files: 'bwrap', programFiles: 'bwrap' } }]
  if (unshare === undefined) return [...strongest, NO_CAGE]
  const users = process.getuid?.() === 0 ? [[], ['--map-root-user']] : [['--map-root-user']]
  // In a namespace of its own no process escapes its group, because the first to die takes all with it; and with a
  // /proc of its own none reads the server's environment there.
  const alone = ['--net', '--ipc', '--pid', '--fork', '--kill-child']
  const spaces = [[...alone, '--mount-proc'], alone, ['--net']]
  const others = spaces.flatMap((space) =>
    users.map(
      (user): Cage => ({
        cage: [unshare, ...user, ...space],
        guards: { ...NO_CAGE.guards, network: 'unshare' },
      }),
    ),
  )
  return [...strongest, ...others, NO_CAGE]
}

async function works(plan: Plan, parent: string): Promise<boolean> {
  return await tryOut(plan, parent).then(
    () => true,
    () => false,
  )
}

async function tryOut(plan: Plan, parent: string): Promise<void> {
  const child = await startChild(plan, PROBE, parent)
  await child.end()
}

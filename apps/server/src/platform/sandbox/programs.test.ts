import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSandbox, type Sandbox, type SandboxLimits } from './sandbox.ts'

const LIMITS: SandboxLimits = { wallSeconds: 25, cpuSeconds: 20, memoryBytes: 300 * 2 ** 20, outputBytes: 2 ** 20 }

let parent: string
let folder: string
let sandbox: Sandbox

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sandbox-test-'))
  folder = await mkdtemp(join(parent, 'job-'))
  sandbox = await createSandbox({ parent })
})

afterAll(async () => {
  await sandbox.close()
  await rm(parent, { recursive: true })
})

interface Given {
  limits?: Partial<SandboxLimits>
  signal?: AbortSignal
  input?: Buffer
}

function shell(script: string, { limits, signal, input }: Given = {}) {
  const options = { folder, limits: { ...LIMITS, ...limits }, signal: signal ?? new AbortController().signal }
  return sandbox.exec('sh', ['-c', script], input === undefined ? options : { ...options, input })
}

/** Sleeps of a length that nobody else sleeps. */
let marks = 0
function mark(): string {
  marks += 1
  return `3${process.pid}.${marks}`
}

function isRunning(program: string): boolean {
  return execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n').includes(program)
}

/** A process that was killed needs a moment to go. */
async function isGone(program: string): Promise<boolean> {
  for (let look = 0; look < 100 && isRunning(program); look++) await new Promise((resolve) => setTimeout(resolve, 20))
  return !isRunning(program)
}

/** Alone within the limit of a test that runs it twice, and for long. */
const HOLDING_60_MIB = '(head -c 62914560 /dev/zero; sleep 20) | tail -c 62914560 >/dev/null'

describe('an external program', () => {
  test('works in its folder, reads its input and says what it printed', async () => {
    const { stdout, stderr } = await shell('cat > copy; pwd; echo well >&2', { input: Buffer.from('in\n') })
    expect(stdout.toString()).toBe(`${folder}\n`)
    expect(stderr).toBe('well\n')
    expect(await readFile(join(folder, 'copy'), 'utf8')).toBe('in\n')
  })

  test('has an empty input when it was given none', async () => {
    expect((await shell('cat')).stdout.toString()).toBe('')
  })

  test('survives an input that it does not read', async () => {
    await shell('exec true', { input: Buffer.alloc(2 ** 20) })
  })

  test('knows PATH, its language and its folder, and nothing else of the server', async () => {
    const { stdout } = await sandbox.exec('env', [], { folder, limits: LIMITS, signal: new AbortController().signal })
    const names = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
    // The shell in front of it may add the last three.
    expect(names.filter((name) => !['PWD', 'SHLVL', '_'].includes(String(name))).sort()).toEqual([
      'HOME',
      'LANG',
      'PATH',
      'TMPDIR',
    ])
    expect(stdout.toString()).toContain(`HOME=${folder}\n`)
  })

  test('has a low priority', async () => {
    expect(Number((await shell('nice')).stdout)).toBeGreaterThanOrEqual(10)
  })

  test.runIf(existsSync('/proc/self/autogroup'))('has a low priority as a session, too', async () => {
    const script = 'for i in $(seq 100); do grep "nice [1-9]" /proc/self/autogroup && break; sleep 0.05; done'
    expect((await shell(script)).stdout.toString()).toMatch(/nice [1-9]\d*$/m)
  })

  test('fails with its own exit code, and says the last of its complaints', async () => {
    await expect(shell('echo bad file >&2; exit 3')).rejects.toMatchObject({
      kind: 'failed',
      exitCode: 3,
      message: expect.stringContaining('bad file'),
    })
  })

  test('that is not there fails with 127', async () => {
    const options = { folder, limits: LIMITS, signal: new AbortController().signal }
    for (const name of ['no-such-program', '/no/such/program'])
      await expect(sandbox.exec(name, [], options)).rejects.toMatchObject({ kind: 'failed', exitCode: 127 })
  })

  test('that crashes has crashed', async () => {
    await expect(shell('sh -c "kill -SEGV \\$\\$"; exit $?')).rejects.toMatchObject({ kind: 'crashed' })
  })

  test('reaches no network where the guards say so', async (context) => {
    if (sandbox.guards().network === 'none') return context.skip()
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const script = `require('net').connect(${port}, '127.0.0.1').on('connect', () => process.exit(5)).on('error', () => process.exit(6))`
    const options = { folder, limits: LIMITS, signal: new AbortController().signal }
    try {
      await expect(
        sandbox.exec(process.execPath, ['-e', script], { ...options, limits: { ...LIMITS, memoryBytes: 2 ** 30 } }),
      ).rejects.toMatchObject({ exitCode: 6 })
    } finally {
      server.close()
    }
  })

  test('does not read the environment of the server where processes have a /proc of their own', async (context) => {
    if (sandbox.guards().network === 'none') return context.skip()
    await expect(shell(`cat /proc/${process.pid}/environ`)).rejects.toMatchObject({ kind: 'failed' })
  })
})

describe('a limit', () => {
  test.each([
    ['sleep 100', { wallSeconds: 0.3 }, 'timeout'],
    ['while :; do :; done', { cpuSeconds: 0.3 }, 'cpu'],
    ['(while :; do :; done) & while :; do :; done', { cpuSeconds: 0.3 }, 'cpu'],
    ['tail /dev/zero', { memoryBytes: 100 * 2 ** 20 }, 'memory'],
    [`${HOLDING_60_MIB} & ${HOLDING_60_MIB} & wait`, { memoryBytes: 100 * 2 ** 20 }, 'memory'],
    ['yes', { outputBytes: 100_000 }, 'output'],
    ['i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done; wait', { memoryBytes: 2 ** 30 }, 'processes'],
  ] as const)('ends `%s` with %o: %s', async (script, limits, kind) => {
    await expect(shell(script, { limits })).rejects.toMatchObject({ name: 'SandboxError', kind })
  })

  test('holds for each file that it writes, where the kernel guards it', async (context) => {
    if (sandbox.guards().memory !== 'prlimit') return context.skip()
    await expect(shell('exec yes > big', { limits: { outputBytes: 100_000 } })).rejects.toMatchObject({
      kind: 'output',
    })
    expect(await readFile(join(folder, 'big'))).toHaveLength(100_000)
  })
})

describe('nothing stays behind', () => {
  test('when a program that started another is killed', async () => {
    const sleeping = mark()
    await expect(shell(`sleep ${sleeping} & wait`, { limits: { wallSeconds: 0.5 } })).rejects.toMatchObject({
      kind: 'timeout',
    })
    expect(await isGone(`sleep ${sleeping}`)).toBe(true)
  })

  test('when a program ends before what it started', async () => {
    const sleeping = mark()
    const { stdout } = await shell(`sleep ${sleeping} & echo done`)
    expect(stdout.toString()).toBe('done\n')
    expect(await isGone(`sleep ${sleeping}`)).toBe(true)
  })

  test('when a program hid from its group, where it has a namespace of its own', async (context) => {
    if (sandbox.guards().network === 'none') return context.skip()
    const sleeping = mark()
    await expect(shell(`setsid sleep ${sleeping} & sleep 100`, { limits: { wallSeconds: 0.5 } })).rejects.toMatchObject(
      {
        kind: 'timeout',
      },
    )
    expect(await isGone(`sleep ${sleeping}`)).toBe(true)
  })

  test('when it is called off', async () => {
    const sleeping = mark()
    const calling = new AbortController()
    const work = expect(shell(`sleep ${sleeping}`, { signal: calling.signal })).rejects.toMatchObject({
      kind: 'aborted',
    })
    await expect.poll(() => isRunning(`sleep ${sleeping}`)).toBe(true)
    calling.abort()
    await work
    expect(await isGone(`sleep ${sleeping}`)).toBe(true)
  })

  test('of a private folder, however its work ends', async () => {
    const place = await mkdtemp(join(parent, 'place-'))
    const own = await createSandbox({ parent: place })
    const options = { limits: LIMITS, signal: new AbortController().signal }
    const lockUp = own.withFolder(async (inner) => {
      await own.exec('sh', ['-c', 'mkdir -p a/b; echo x > a/b/c; chmod 0 a'], { ...options, folder: inner })
      throw new Error('the work failed')
    })
    await expect(lockUp).rejects.toThrow('the work failed')
    await own.close()
    expect(await readdir(place)).toEqual([])
  })
})

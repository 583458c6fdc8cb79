import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from './guards.ts'
import { choosePlan } from './probe.ts'
import { createSandbox, RemoteError, type Sandbox, SandboxError, type SandboxLimits } from './sandbox.ts'

const ENTRY = fileURLToPath(new URL('./sandbox.fixture.ts', import.meta.url))
const LIMITS: SandboxLimits = { wallSeconds: 25, cpuSeconds: 20, memoryBytes: 600 * 2 ** 20, outputBytes: 2 ** 20 }
const NEVER = new AbortController().signal

let parent: string
let folder: string
let plan: Plan
let sandbox: Sandbox

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sandbox-test-'))
  folder = await mkdtemp(join(parent, 'job-'))
  plan = await choosePlan(parent)
  sandbox = await createSandbox({ parent, plan })
})

afterAll(async () => {
  await sandbox.close()
  await rm(parent, { recursive: true })
})

interface Given {
  folder?: string
  limits?: Partial<SandboxLimits>
  signal?: AbortSignal
  take?: (piece: unknown) => Promise<void>
  grants?: ('addons' | 'wasi')[]
  in?: Sandbox
}

/** What the deed says. */
async function doing(deed: string, argument = '', given: Given = {}): Promise<unknown[]> {
  const said: unknown[] = []
  const take = async (piece: unknown) => {
    await given.take?.(piece)
    said.push(piece)
  }
  await (given.in ?? sandbox).run(
    ENTRY,
    { deed, argument },
    {
      folder: given.folder ?? folder,
      limits: { ...LIMITS, ...given.limits },
      signal: given.signal ?? NEVER,
      take,
      grants: given.grants ?? [],
    },
  )
  return said
}

async function withSandbox<T>(options: { size?: number; plan?: Plan }, work: (own: Sandbox) => Promise<T>): Promise<T> {
  const own = await createSandbox({ parent, plan, ...options })
  try {
    return await work(own)
  } finally {
    await own.close()
  }
}

describe('a job', () => {
  test('reads the files of its folder, also in folders below', async () => {
    const given = await mkdtemp(join(parent, 'job-'))
    await mkdir(join(given, 'below'))
    await writeFile(join(given, 'below', 'in put'), 'δοκιμή')
    await symlink('/etc/passwd', join(given, 'link'))
    expect(await doing('list my folder', '', { folder: given })).toEqual([['below', 'below/in put']])
    expect(String(await doing('read my file', 'below/in put', { folder: given }))).toBe('δοκιμή')
  })

  test('says any structure, with dates and bytes', async () => {
    const [said] = await doing('say a structure')
    expect(said).toEqual({ date: new Date(0), bytes: Buffer.from('x'), map: new Map([[1, [null]]]), n: 10n })
  })

  test('goes on only when its piece was taken', async () => {
    const taken: number[] = []
    const take = async () => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      taken.push(performance.timeOrigin + performance.now())
    }
    const said = (await doing('count to five', '', { take })) as { count: number; at: number }[]
    expect(said.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5])
    // Both read the same clock of the machine, to a millisecond of difference between processes.
    for (const [index, { at }] of said.slice(1).entries()) expect(at).toBeGreaterThan(taken[index]! - 5)
  })

  test('that does not wait is taken from in order all the same, to the last piece', async () => {
    const said = (await doing('count to five without waiting')) as { count: number }[]
    expect(said.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5])
  })

  test('ends with what its taker threw', async () => {
    const fault = new Error('the disk is full')
    await expect(doing('say a lot', '', { take: () => Promise.reject(fault) })).rejects.toBe(fault)
  })

  test('throws on purpose: the error comes back with its name and its plain fields', async () => {
    const error = await doing('throw on purpose').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RemoteError)
    expect(error).toMatchObject({ name: 'Error', message: 'nothing to be read', fields: { kind: 'corrupt', page: 3 } })
    expect((error as RemoteError).fields).not.toHaveProperty('parts')
  })

  test.each([
    'end itself',
    'throw outside of any promise',
    'speak out of turn',
    'speak nonsense',
    'say nothing that is known',
    'announce a gigabyte',
  ])('that tries to %s has crashed', async (deed) => {
    await expect(doing(deed)).rejects.toMatchObject({ name: 'SandboxError', kind: 'crashed' })
  })
})

describe('a limit', () => {
  const watched = () => ({ ...plan, prlimit: undefined, guards: { ...plan.guards, memory: 'watched' as const } })

  test.each([
    ['loop for ever', { wallSeconds: 0.3 }, 'timeout'],
    ['wait for ever', { wallSeconds: 0.3 }, 'timeout'],
    ['loop for ever', { cpuSeconds: 0.3 }, 'cpu'],
    ['fill buffers', { memoryBytes: 200 * 2 ** 20 }, 'memory'],
    ['fill buffers without a pause', { memoryBytes: 200 * 2 ** 20 }, 'memory'],
    ['fill the heap', { memoryBytes: 200 * 2 ** 20 }, 'memory'],
    ['say a lot', { outputBytes: 100_000 }, 'output'],
    ['say one thing that is too long', { outputBytes: 100_000 }, 'output'],
  ] as const)('ends a job that would %s with %o: %s', async (deed, limits, kind) => {
    await expect(doing(deed, '', { limits })).rejects.toMatchObject({ name: 'SandboxError', kind })
  })

  test.each([
    ['loop for ever', { cpuSeconds: 0.3 }, 'cpu'],
    ['fill buffers', { memoryBytes: 200 * 2 ** 20 }, 'memory'],
  ] as const)('holds without the kernel: a job that would %s with %o ends with %s', async (deed, limits, kind) => {
    await withSandbox({ plan: watched() }, async (own) => {
      await expect(doing(deed, '', { limits, in: own })).rejects.toMatchObject({ kind })
    })
  })

  test('counts from the beginning of each job, not of the child', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const spend = () => doing('count to five', '', { limits: { wallSeconds: 10, outputBytes: 400 }, in: own })
      for (let job = 0; job < 5; job++) expect(await spend()).toHaveLength(5)
    })
  })
})

describe('a child', () => {
  test.each(['start a program', 'start a worker', 'load an addon', 'write to my folder'])(
    'is refused to %s',
    async (deed) => {
      const error = await doing(deed).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ fields: { code: expect.stringMatching(/^ERR_(ACCESS_DENIED|DLOPEN_DISABLED)$/) } })
    },
  )

  test('may load addons when it was granted them', async () => {
    const error = await doing('load an addon', '', { grants: ['addons'] }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ fields: { code: 'ERR_DLOPEN_FAILED' } })
  })

  test('reads nothing outside of its folder, by a path or by a link in the folder', async () => {
    const secret = join(parent, 'secret')
    await writeFile(secret, 'secret')
    for (const path of [secret, '/etc/passwd', '/proc/self/environ', join(folder, 'its own path outside')])
      await expect(doing('read a path', path)).rejects.toMatchObject({ fields: { code: 'ERR_ACCESS_DENIED' } })
    for (const path of [parent, '/proc', '/'])
      await expect(doing('list a path', path)).rejects.toMatchObject({ fields: { code: 'ERR_ACCESS_DENIED' } })
    await symlink(secret, join(folder, 'link'))
    await expect(doing('read my file', 'link')).rejects.toMatchObject({ fields: { code: 'ENOENT' } })
    await expect(doing('read my file', '../../secret')).rejects.toMatchObject({ fields: { code: 'ERR_ACCESS_DENIED' } })
  })

  test('has an empty environment and a low priority', async () => {
    const [said] = await doing('say what is around me')
    expect(said).toMatchObject({ environment: {} })
    expect((said as { environment: object }).environment).toEqual({})
    expect((said as { priority: number }).priority).toBeGreaterThanOrEqual(10)
  })

  test('reaches no network where the guards say so', async (context) => {
    if (sandbox.guards().network === 'none') return context.skip()
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    try {
      await expect(doing('connect', String(port))).rejects.toMatchObject({
        fields: { code: expect.stringMatching(/^(ENETUNREACH|ECONNREFUSED|EADDRNOTAVAIL)$/) },
      })
    } finally {
      server.close()
    }
  })
})

describe('warm children', () => {
  const who = async (own: Sandbox, given: Given = {}) => (await doing('say who I am', '', { in: own, ...given }))[0]

  test('have many jobs each: a hundred need two children one after the other', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const seen = new Set<unknown>()
      for (let job = 0; job < 100; job++) seen.add(await who(own))
      expect(seen.size).toBe(2)
    })
  })

  test('are no more than were asked for; who comes later waits, and a waiting job can be called off', async () => {
    await withSandbox({ size: 2 }, async (own) => {
      const ending = new AbortController()
      const endless = Promise.allSettled(
        [1, 2].map(() => doing('wait for ever', '', { in: own, signal: ending.signal })),
      )
      const impatient = new AbortController()
      const waiting = who(own, { signal: impatient.signal })
      const patient = who(own)
      impatient.abort()
      await expect(waiting).rejects.toMatchObject({ kind: 'aborted' })
      ending.abort()
      const called = { status: 'rejected', reason: { kind: 'aborted' } }
      expect(await endless).toMatchObject([called, called])
      expect(await patient).toBeTypeOf('string')
    })
  })

  test('go on after an error that was thrown on purpose', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const first = await who(own)
      await expect(doing('throw on purpose', '', { in: own })).rejects.toBeInstanceOf(RemoteError)
      expect(await who(own)).toBe(first)
    })
  })

  test.each([
    ['a mistake', 'make a mistake', {}],
    ['being killed', 'wait for ever', { limits: { wallSeconds: 0.2 } }],
    ['leaving something running', 'leave a timer running', {}],
    ['keeping much memory', 'rest on much memory', {}],
  ] as const)('are ended after %s', async (_, deed, given) => {
    await withSandbox({ size: 1 }, async (own) => {
      const limits = { ...LIMITS, ...('limits' in given ? given.limits : {}) }
      const [before] = await doing('say who I am', '', { in: own })
      await doing(deed, '', { in: own, limits }).catch(() => {})
      expect(await who(own)).not.toBe(before)
    })
  })

  test('that died at rest are not used', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      await doing('die soon', '', { in: own })
      // Longer than it takes on a machine that has much else to do.
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(await who(own)).toBeTypeOf('string')
    })
  })

  test('with addons have one job only', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const given: Given = { grants: ['addons'] }
      expect(await who(own, given)).not.toBe(await who(own, given))
    })
  })

  test('make room for children of another kind', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const first = await who(own)
      const other = await who(own, { limits: { memoryBytes: 500 * 2 ** 20 } })
      expect(other).not.toBe(first)
      expect(await who(own)).not.toBe(first)
    })
  })

  test('do not let a job speak in the name of the next', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      await doing('speak after the end', '', { in: own })
      expect(await doing('wait a little', '', { in: own })).toEqual([])
    })
  })

  test('see the files of the present job alone', async () => {
    await withSandbox({ size: 1 }, async (own) => {
      const first = await mkdtemp(join(parent, 'job-'))
      await writeFile(join(first, 'theirs'), 'x')
      await doing('say nothing', '', { in: own, folder: first })
      expect(await doing('read my file', '../1/theirs', { in: own }).catch((error: unknown) => error)).toMatchObject({
        fields: { code: 'ENOENT' },
      })
    })
  })
})

test('a machine that starts no child is no fault of the file', async () => {
  await withSandbox({ plan: { ...plan, cage: ['/bin/false'] } }, async (own) => {
    await expect(doing('say nothing', '', { in: own })).rejects.toMatchObject({ kind: 'unavailable' })
  })
})

describe('calling off', () => {
  test('ends a job at once, also one in an endless loop', async () => {
    const calling = new AbortController()
    const job = doing('loop for ever', '', { signal: calling.signal })
    setTimeout(() => calling.abort(new Error('enough')), 300)
    await expect(job).rejects.toMatchObject({ kind: 'aborted', cause: { message: 'enough' } })
  })

  test('before the beginning starts nothing', async () => {
    await expect(doing('say nothing', '', { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(SandboxError)
  })

  test('is what closing does, and then nothing of it is left on the disk', async () => {
    const place = await mkdtemp(join(parent, 'place-'))
    const own = await createSandbox({ parent: place, plan })
    const job = expect(doing('loop for ever', '', { in: own })).rejects.toMatchObject({ kind: 'aborted' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await own.close()
    await job
    expect(await readdir(place)).toEqual([])
    await expect(doing('say nothing', '', { in: own })).rejects.toMatchObject({ kind: 'aborted' })
  })
})

import { Agent, get } from 'node:http'

/**
 * Asks a server every 20 ms whether it is alive, whatever it answers, until its standard input ends; then prints what
 * came of it as JSON. A process of its own: whoever keeps the server busy would make it late.
 */

const EVERY_MS = 20
const WITHIN_MS = 30_000

export interface Asked {
  asked: number
  failed: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
  over100Ms: number
}

async function watch(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const latenciesMs: number[] = []
  const underWay = new Set<Promise<void>>()
  let failed = 0
  const ask = () =>
    new Promise<void>((resolve) => {
      const began = performance.now()
      const done = (isOk: boolean) => {
        if (isOk) latenciesMs.push(performance.now() - began)
        else failed += 1
        resolve()
      }
      get(`${url}/livez`, { agent, timeout: WITHIN_MS }, (answer) => {
        answer.resume().once('end', () => done(answer.statusCode === 200))
      })
        .once('timeout', function (this: { destroy(): void }) {
          this.destroy()
        })
        .once('error', () => done(false))
    })
  const timer = setInterval(() => {
    const asked = ask().then(() => {
      underWay.delete(asked)
    })
    underWay.add(asked)
  }, EVERY_MS)
  await new Promise((resolve) => process.stdin.resume().once('end', resolve))
  clearInterval(timer)
  await Promise.all(underWay)
  agent.destroy()
  process.stdout.write(JSON.stringify({ ...figuresOf(latenciesMs), failed } satisfies Asked))
}

function figuresOf(latenciesMs: number[]): Omit<Asked, 'failed'> {
  const sorted = Float64Array.from(latenciesMs).sort()
  const at = (share: number) => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return Math.round(value * 10) / 10
  }
  return {
    asked: sorted.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    over100Ms: latenciesMs.filter((ms) => ms > 100).length,
  }
}

if (process.argv[2] !== undefined) await watch(process.argv[2])

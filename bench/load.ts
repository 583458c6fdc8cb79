import { randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { Action } from './rows.ts'
import { LIST_LIMIT } from './rows.ts'

/** What one slice asks for; it ends with the first of its limits. */
export interface Work {
  action: Action
  port: number
  /** Undefined for the bare server. */
  key: string | undefined
  callers: number
  sizeBytes: number
  ids: readonly string[]
  seconds: number
  maxRequests: number
}

export interface Done {
  requests: number
  failed: number
  firstFailure: string | undefined
  seconds: number
  latenciesMs: Float64Array
  /** Of what was uploaded. */
  ids: string[]
}

const STAMP_EVERY_BYTES = 4096
const STAMP_BYTES = 32

/** Text, so that no check of the content has a reason to refuse it; longer than any body by more than anyone uploads. */
const material = Buffer.from(randomBytes(9 * 1024 * 1024).toString('base64'))

/** A body that was never sent before: random text with a fresh stamp in each of its blocks. */
function freshBody(sizeBytes: number): Buffer {
  const body = Buffer.allocUnsafe(sizeBytes)
  material.copy(body, 0, Math.floor(Math.random() * (material.length - sizeBytes)))
  const stamp = randomBytes(STAMP_BYTES / 2).toString('hex')
  for (let at = 0; at + STAMP_BYTES <= sizeBytes; at += STAMP_EVERY_BYTES) body.write(stamp, at, 'latin1')
  return body
}

/** Runs the callers: each sends its next request when the last one's answer has ended. */
async function perform(work: Work): Promise<Done> {
  const agent = new Agent({ keepAlive: true, maxSockets: work.callers })
  const latencies: number[] = []
  const done: Omit<Done, 'seconds' | 'latenciesMs'> = { requests: 0, failed: 0, firstFailure: undefined, ids: [] }
  const began = performance.now()
  const deadline = began + work.seconds * 1000
  let started = 0
  const caller = async () => {
    while (started < work.maxRequests && performance.now() < deadline) {
      started++
      const asked = askFor(work)
      const sentAt = performance.now()
      try {
        const answer = await exchange(agent, asked.options, asked.body)
        latencies.push(performance.now() - sentAt)
        done.requests++
        if (work.action === 'upload') done.ids.push((JSON.parse(answer.text) as { id: string }).id)
        if (work.action === 'download' && answer.sizeBytes !== work.sizeBytes)
          throw new Error('an answer was cut short')
      } catch (error) {
        done.failed++
        done.firstFailure ??= String(error)
      }
    }
  }
  await Promise.all(Array.from({ length: work.callers }, caller))
  agent.destroy()
  return { ...done, seconds: (performance.now() - began) / 1000, latenciesMs: Float64Array.from(latencies) }
}

function askFor(work: Work): { options: RequestOptions; body: Buffer | undefined } {
  const id = work.ids[Math.floor(Math.random() * work.ids.length)]
  const asked = {
    upload: { method: 'POST', path: '/v1/assets', type: 'text/plain', body: () => freshBody(work.sizeBytes) },
    download: { method: 'GET', path: `/v1/assets/${id}/content`, type: undefined, body: () => undefined },
    list: { method: 'GET', path: `/v1/assets?limit=${LIST_LIMIT}`, type: undefined, body: () => undefined },
    sign: {
      method: 'POST',
      path: `/v1/assets/${id}/signed-urls`,
      type: 'application/json',
      body: () => Buffer.from('{"expiresInSeconds":300}'),
    },
  }[work.action]
  const body = asked.body()
  // The bare server knows a file by the last part of its path.
  const path = work.key === undefined && id !== undefined ? `/${id}` : asked.path
  const headers = {
    ...(work.key && { authorization: `Bearer ${work.key}` }),
    ...(asked.type && { 'content-type': asked.type }),
    ...(body && { 'content-length': body.length }),
  }
  return { options: { host: '127.0.0.1', port: work.port, method: asked.method, path, headers }, body }
}

function exchange(agent: Agent, options: RequestOptions, body: Buffer | undefined) {
  return new Promise<{ text: string; sizeBytes: number }>((resolve, reject) => {
    const sent = request({ ...options, agent }, (response: IncomingMessage) => {
      const keep = options.method === 'POST' || response.statusCode !== 200
      let sizeBytes = 0
      let text = ''
      response.on('data', (piece: Buffer) => {
        sizeBytes += piece.length
        if (keep) text += piece.toString('latin1')
      })
      response.once('error', reject)
      response.once('end', () => {
        if ((response.statusCode as number) < 300) resolve({ text, sizeBytes })
        else reject(new Error(`${response.statusCode} ${text.slice(0, 300)}`))
      })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

process.on('message', async (work: Work) => {
  process.send?.(await perform(work))
})

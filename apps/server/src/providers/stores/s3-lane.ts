import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { finished, type Readable } from 'node:stream'
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler'
import { createTurns, type Turns } from '../../domain/turns.ts'
import { StoreError } from './port.ts'

/**
 * So many connections to a server. A request has one to itself until its answer has been read to the end; those that
 * find none free wait their turn, which is no time that the server took.
 */
export interface Lane {
  handler(times: NodeHttpHandlerOptions): NodeHttpHandler
  close(): void
}

/** @param waitMs the longest that a request waits for its turn before it fails with `throttled` */
export function openLane(connections: number, waitMs: number): Lane {
  const sockets = { keepAlive: true, maxSockets: connections }
  const agents = { httpAgent: new HttpAgent(sockets), httpsAgent: new HttpsAgent(sockets) }
  const turns = createTurns(connections)
  return {
    handler(times) {
      const handler = new NodeHttpHandler({ ...agents, ...times })
      const send = handler.handle.bind(handler)
      handler.handle = async (request, options = {}) => {
        const endTurn = await takeTurn(turns, waitMs, options.abortSignal as AbortSignal | undefined)
        try {
          const answer = await send(request, options)
          finished(answer.response.body as Readable, endTurn)
          return answer
        } catch (error) {
          endTurn()
          throw error
        }
      }
      return handler
    },
    close() {
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    },
  }
}

/** The reason of a signal that has nothing to do with the request's own. */
const LATE = Symbol('late')

async function takeTurn(turns: Turns, waitMs: number, signal: AbortSignal | undefined): Promise<() => void> {
  const free = turns.tryTake()
  if (free) return free
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(LATE), waitMs)
  try {
    return await turns.take(signal ? AbortSignal.any([signal, waiting.signal]) : waiting.signal)
  } catch (error) {
    if (error !== LATE) throw error
    throw new StoreError('throttled', `Every connection to the server was in use for ${waitMs} ms`)
  } finally {
    clearTimeout(timer)
  }
}

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { finished, type Readable } from 'node:stream'
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler'
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
  const takeTurn = createTurns(connections, waitMs)
  return {
    handler(times) {
      const handler = new NodeHttpHandler({ ...agents, ...times })
      const send = handler.handle.bind(handler)
      handler.handle = async (request, options = {}) => {
        const endTurn = await takeTurn(options.abortSignal as AbortSignal | undefined)
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

type EndTurn = () => void

function createTurns(count: number, waitMs: number): (signal?: AbortSignal) => Promise<EndTurn> {
  let free = count
  const waiting = new Set<() => void>()
  const begin = (): EndTurn => {
    let ended = false
    return () => {
      if (ended) return
      ended = true
      const [next] = waiting
      if (next) next()
      else free += 1
    }
  }
  return (signal) => {
    if (free > 0) {
      free -= 1
      return Promise.resolve(begin())
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiting.delete(take)
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
      }
      const take = () => {
        leave()
        resolve(begin())
      }
      const abort = () => {
        leave()
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(new StoreError('throttled', `Every connection to the server was in use for ${waitMs} ms`))
      }, waitMs)
      waiting.add(take)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}

import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

export interface Asked {
  method: string
  headers?: Record<string, string | number>
  body?: Buffer | undefined
  /** Counts the answer's bytes instead of keeping them. */
  countOnly?: boolean
}

export interface Answer {
  headers: IncomingHttpHeaders
  text: string
  sizeBytes: number
}

/** One request and its whole answer. @throws Error for an answer of 400 or more */
export function exchange(agent: Agent, url: string, { method, headers, body, countOnly }: Asked): Promise<Answer> {
  const { hostname: host, port, pathname, search } = new URL(url)
  const sized = { ...headers, ...(body && { 'content-length': body.length }) }
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path: pathname + search, method, headers: sized, agent }, (response) => {
      receive(response, countOnly === true).then(resolve, reject)
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

function receive(response: IncomingMessage, countOnly: boolean): Promise<Answer> {
  const status = response.statusCode as number
  const keep = !countOnly || status >= 300
  return new Promise((resolve, reject) => {
    let sizeBytes = 0
    let text = ''
    response.on('data', (piece: Buffer) => {
      sizeBytes += piece.length
      if (keep) text += piece.toString('latin1')
    })
    response.once('error', reject)
    response.once('end', () => {
      if (status < 400) resolve({ headers: response.headers, text, sizeBytes })
      else reject(new Error(`${status} ${text.slice(0, 300)}`))
    })
  })
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A recording as the engine got it. */
export interface Heard {
  file: Buffer
  fileName: string
  fields: Record<string, string>
  path: string
  headers: IncomingMessage['headers']
}

/** What a request is answered with, or a hand at the wire itself. */
export type Reply =
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string> }
  | ((response: ServerResponse) => void)

export interface TestEngine {
  /** What `/audio/transcriptions` stands behind. */
  url: string
  /** All but the silence that it is asked about to see whether it works. */
  heard: Heard[]
  answer: (heard: Heard) => Reply | Promise<Reply>
  /** Whether it works for silence, whatever it does with recordings. */
  works: boolean
  close(): Promise<void>
}

/** An engine with OpenAI's interface that reads the form as any server would. */
export async function startEngine(answer: TestEngine['answer'] = () => ({ json: { text: '' } })): Promise<TestEngine> {
  const server = createServer((request, response) => {
    take(engine, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const engine: TestEngine = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    heard: [],
    answer,
    works: true,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return engine
}

async function take(engine: TestEngine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = new Response(new Uint8Array(await buffer(request)), {
    headers: request.headers as Record<string, string>,
  })
  const form = await body.formData()
  const file = form.get('file') as File
  const heard: Heard = {
    file: Buffer.from(await file.arrayBuffer()),
    fileName: file.name,
    fields: Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
    path: request.url as string,
    headers: request.headers,
  }
  const isProbe = engine.works && heard.file.length < 33_000 && heard.file.subarray(44).every((byte) => byte === 0)
  if (!isProbe) engine.heard.push(heard)
  reply(response, isProbe ? { json: { text: '' } } : await engine.answer(heard))
}

function reply(response: ServerResponse, given: Reply): void {
  if (typeof given === 'function') {
    given(response)
    return
  }
  const { status = 200, json, text, headers = {} } = given
  response.writeHead(status, { 'content-type': json === undefined ? 'text/plain' : 'application/json', ...headers })
  response.end(json === undefined ? text : JSON.stringify(json))
}

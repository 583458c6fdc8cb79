import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { GcsRefusal } from './state.ts'

/** A request that has arrived whole. */
export interface Call {
  method: string
  /** As it was sent: escaped. */
  rawPath: string
  rawQuery: string
  /** The path's segments, unescaped. */
  segments: string[]
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: Buffer
  /** Where this server is, without a path. */
  origin: string
}

export interface Answer {
  status: number
  headers?: Record<string, string>
  body?: Buffer
}

export async function readCall(request: IncomingMessage, origin: string): Promise<Call> {
  const [rawPath = '/', rawQuery = ''] = splitOnce(request.url ?? '/', '?')
  return {
    method: request.method ?? 'GET',
    rawPath,
    rawQuery,
    segments: rawPath.slice(1).split('/').map(unescaped),
    query: new URLSearchParams(rawQuery),
    headers: request.headers,
    body: await buffer(request),
    origin,
  }
}

function splitOnce(text: string, mark: string): string[] {
  const at = text.indexOf(mark)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    if (error instanceof URIError) throw new GcsRefusal(400, 'invalid', 'Bad escape in the path.')
    throw error
  }
}

export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer, method: string): void {
  const length = body?.length ?? 0
  response.writeHead(status, { ...(status === 204 ? {} : { 'content-length': String(length) }), ...headers })
  response.end(method === 'HEAD' ? undefined : body)
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  const body = Buffer.from(JSON.stringify(value))
  return { status, headers: { 'content-type': 'application/json; charset=UTF-8', ...headers }, body }
}

export function xml(text: string, status = 200): Answer {
  const body = Buffer.from(`<?xml version='1.0' encoding='UTF-8'?>${text}`)
  return { status, headers: { 'content-type': 'application/xml; charset=UTF-8' }, body }
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (mark) => `&#${mark.charCodeAt(0)};`)
}

export function parseJson<T>(body: Buffer): T {
  if (body.length === 0) return {} as T
  try {
    return JSON.parse(body.toString()) as T
  } catch (error) {
    if (error instanceof SyntaxError) throw new GcsRefusal(400, 'parseError', 'Parse Error')
    throw error
  }
}

/** JSON API, "HTTP status and error codes": the body of a refusal. */
export function jsonRefusal({ status, reason, message }: GcsRefusal): Answer {
  return json({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } }, status)
}

const XML_CODES: Record<string, string> = { conditionNotMet: 'PreconditionFailed', invalid: 'InvalidArgument' }

/** XML API, "HTTP status and error codes": the body of a refusal. */
export function xmlRefusal({ status, reason, message }: GcsRefusal): Answer {
  const noSuch = message.startsWith('The specified bucket') ? 'NoSuchBucket' : 'NoSuchKey'
  const code = reason === 'notFound' ? noSuch : (XML_CODES[reason] ?? reason)
  return xml(`<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`, status)
}

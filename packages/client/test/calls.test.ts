import { getOperation, operationNames } from '@stowage/contract'
import { describe, expect, test } from 'vitest'
import { createClient } from '../src/index.ts'
import { byteOperations } from '../src/operations.ts'
import { hangUp, json, refuse, serve } from './tiny-server.ts'

const quick = { firstDelayMs: 1, longestDelayMs: 1 }
const page = (items: unknown[], nextCursor: string | null) => json({ items, nextCursor })

describe('a call', () => {
  test('puts each field where its row says and names who asks', async () => {
    await using server = await serve(json({}))
    const client = createClient({ url: `${server.url}/files/`, key: 'k', organization: 'acme', actFor: 'usr_1' })
    await client.signedUrls.create({ assetId: 'ast/1', expiresInSeconds: 60 })
    await client.call('assets.list', { tag: 'a b', limit: 10 })
    const [created, listed] = server.received
    expect(created).toMatchObject({ method: 'POST', path: '/files/v1/assets/ast%2F1/signed-urls' })
    expect(JSON.parse(created!.body.toString())).toEqual({ expiresInSeconds: 60 })
    expect(listed).toMatchObject({ method: 'GET', path: '/files/v1/assets' })
    expect(Object.fromEntries(listed!.query)).toEqual({ tag: 'a b', limit: '10' })
    expect(listed!.headers).toMatchObject({
      authorization: 'Bearer k',
      'stowage-organization': 'acme',
      'stowage-user': 'usr_1',
    })
  })

  test('has a method under the group of its name, for every row that takes and gives JSON', () => {
    const client = createClient({ url: 'http://localhost', key: 'k' }) as unknown as Record<string, object>
    const methods = operationNames().filter((name) => {
      const [group, verb] = name.split('.') as [string, string]
      return verb in (client[group] ?? {})
    })
    expect(methods).toEqual(operationNames().filter((name) => getOperation(name).bytes === 'none'))
    expect([...byteOperations].sort()).toEqual(
      operationNames()
        .filter((name) => getOperation(name).bytes !== 'none')
        .sort(),
    )
  })

  test('asks for a token for each attempt, since one may have expired', async () => {
    await using server = await serve(refuse('server.stopping', 503), json({}))
    let asked = 0
    const client = createClient({ url: server.url, token: async () => `t${++asked}`, retry: quick })
    await client.usage.get()
    expect(server.received.map((request) => request.headers.authorization)).toEqual(['Bearer t1', 'Bearer t2'])
  })

  test('answers undefined where the service answers nothing', async () => {
    await using server = await serve((response) => response.writeHead(204).end())
    const client = createClient({ url: server.url, key: 'k' })
    expect(await client.apiKeys.delete({ keyId: 'key_1' })).toBeUndefined()
  })
})

describe('a refusal', () => {
  test('is an error with the code, the advice, the members and the request id of the problem', async () => {
    await using server = await serve(refuse('upload.tooLarge', 413, { limitBytes: 10 }))
    const client = createClient({ url: server.url, key: 'k' })
    await expect(client.assets.get({ assetId: 'ast_1' })).rejects.toMatchObject({
      name: 'StowageError',
      code: 'upload.tooLarge',
      status: 413,
      title: 'Refused',
      detail: 'Do this.',
      members: { limitBytes: 10 },
      requestId: 'req_1',
    })
  })

  test('that is not a problem, or a success that is not JSON, is an unexpected answer', async () => {
    await using server = await serve(
      (response) => response.writeHead(404).end('<html>'),
      (response) => response.writeHead(200).end('<html>'),
    )
    const client = createClient({ url: server.url, key: 'k' })
    await expect(client.usage.get()).rejects.toMatchObject({ code: 'client.unexpectedAnswer', status: 404 })
    await expect(client.usage.get()).rejects.toMatchObject({ code: 'client.unexpectedAnswer', status: 200 })
  })

  test('does not stand for a call that the caller gave up: its own reason does', async () => {
    await using server = await serve(() => {})
    const client = createClient({ url: server.url, key: 'k' })
    const reason = new Error('enough')
    await expect(client.usage.get({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('a repeated call', () => {
  test('follows a lost connection under the same Idempotency-Key', async () => {
    await using server = await serve(hangUp, refuse('idempotency.inFlight', 409), json({ id: 'org_1' }))
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    expect(await client.organizations.create({ name: 'Acme', slug: 'acme' })).toEqual({ id: 'org_1' })
    const keys = server.received.map((request) => request.headers['idempotency-key'])
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  })

  test('does not follow a lost connection where doing it twice would matter', async () => {
    await using server = await serve(hangUp)
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    await expect(client.signedUrls.create({ assetId: 'ast_1' })).rejects.toMatchObject({
      code: 'client.unreachable',
      status: 0,
    })
    expect(server.received).toHaveLength(1)
  })

  test('follows a 429 whatever the call does, since nothing was done', async () => {
    await using server = await serve(refuse('rate.limited', 429, { retryAfterSeconds: 0 }), json({}))
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    await client.signedUrls.create({ assetId: 'ast_1' })
    expect(server.received).toHaveLength(2)
  })

  test('does not follow a Retry-After that goes beyond the budget', async () => {
    await using server = await serve(refuse('server.stopping', 503, {}, { 'Retry-After': '3600' }))
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    await expect(client.usage.get()).rejects.toMatchObject({ code: 'server.stopping' })
    expect(server.received).toHaveLength(1)
  })

  test('ends with the number of attempts', async () => {
    await using server = await serve(refuse('store.unavailable', 503))
    const client = createClient({ url: server.url, key: 'k', retry: { ...quick, attempts: 3 } })
    await expect(client.usage.get()).rejects.toMatchObject({ code: 'store.unavailable' })
    expect(server.received).toHaveLength(3)
  })

  test('follows an answer that breaks off', async () => {
    const breakOff = (response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'Content-Length': 100 }).write('{')
      setImmediate(() => response.destroy())
    }
    await using server = await serve(breakOff, json({ bytes: 1 }))
    const client = createClient({ url: server.url, key: 'k', retry: quick })
    expect(await client.usage.get()).toEqual({ bytes: 1 })
  })
})

describe('pages', () => {
  test('gives every item, one page after another', async () => {
    await using server = await serve(page([{ id: 'a' }, { id: 'b' }], 'c2'), page([], 'c3'), page([{ id: 'c' }], null))
    const client = createClient({ url: server.url, key: 'k' })
    const ids: string[] = []
    for await (const asset of client.pages('assets.list', { tag: 't' })) ids.push(asset.id)
    expect(ids).toEqual(['a', 'b', 'c'])
    expect(server.received.map((request) => request.query.get('cursor'))).toEqual([null, 'c2', 'c3'])
    expect(server.received.every((request) => request.query.get('tag') === 't')).toBe(true)
  })

  test('asks for no further page once the reader has stopped', async () => {
    await using server = await serve(page([{ id: 'a' }], 'c2'))
    const client = createClient({ url: server.url, key: 'k' })
    for await (const _asset of client.pages('assets.list')) break
    expect(server.received).toHaveLength(1)
  })
})

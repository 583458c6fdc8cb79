import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Ask, newOrganization, newText, uploadText } from '../../../test/service.ts'
import { startTestService, type TestService } from '../../../test/test-service.ts'
import { toUuid } from '../../domain/id.ts'
import { withClient } from '../../platform/database/client.ts'

let service: TestService
let organization: string
/** How many small files have been looked at and wait to be committed, or were. */
let arrived = 0

beforeAll(async () => {
  service = await startTestService()
  const { lanes } = service.app.uploads
  const { add } = lanes
  lanes.add = (...given) => {
    arrived += 1
    return add(...given)
  }
})
afterAll(() => service?.stop())
beforeEach(async () => {
  organization = (await newOrganization(service.call)).id
  // The first upload finds out where the organization's files go.
  await uploadText(service.call, newText(10), { organization })
  arrived = 0
})

interface Sent {
  bytes: Buffer
  ask?: Ask & { assetId?: string; name?: string }
}

const ofOrganization = (bytes: Buffer, ask: Sent['ask'] = {}): Sent => ({ bytes, ask: { organization, ...ask } })
const texts = (count: number, sizeBytes = 1000) =>
  Array.from({ length: count }, () => ofOrganization(newText(sizeBytes)))

const LOCK = 'lock table stowage.asset in share mode'
const WAITING = `select distinct pid from pg_locks
  where not granted and database = (select oid from pg_database where datname = current_database())`

const sql = async (text: string, ...values: unknown[]) =>
  (await withClient(service.database.owner, (client) => client.query(text, values))).rows

/** The processes that wait for what a client holds. */
async function blockedBy(client: pg.Client): Promise<number[]> {
  const text = 'select pid from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))'
  return (await client.query(text)).rows.map(({ pid }) => pid)
}

/** Asks until there is something to tell. */
async function until<Told extends boolean | readonly unknown[]>(ask: () => Promise<Told>): Promise<Told> {
  for (;;) {
    const told = await ask()
    if (told === true || (Array.isArray(told) && told.length > 0)) return told
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Sends them while nothing can be committed, so that all but the first two of a caller wait for each other. */
async function sendTogether(
  sent: readonly Sent[],
  meanwhile: (blocked: number[]) => Promise<unknown> = async () => {},
) {
  return withClient(service.database.owner, async (client) => {
    await client.query(`begin; ${LOCK}`)
    const answers = sent.map(({ bytes, ask }) => uploadText(service.call, bytes, ask))
    await until(async () => arrived === sent.length)
    const blocked = await until(() => blockedBy(client))
    await meanwhile(blocked)
    await client.query('rollback')
    return Promise.all(answers)
  })
}

/** The transactions that made the assets, one for each asset. */
async function transactionsOf(ids: readonly string[]): Promise<string[]> {
  const text = 'select id, xmin::text as made_by from stowage.asset where id = any($1)'
  return (await sql(text, ids.map(toUuid))).map((row) => row.made_by)
}

const idsOf = (answers: readonly { json: { id: string } }[]) => answers.map(({ json }) => json.id)
const statusesOf = (answers: readonly { status: number }[]) => answers.map(({ status }) => status)

async function eventsOf(outcome: string): Promise<{ subject: string | null; problem: string | null }[]> {
  const text = `select subject, body::jsonb ->> 'problem' as problem from stowage.audit_event
    where tenant_id = $1 and action = 'assets.create' and outcome = $2`
  return (await sql(text, toUuid(organization), outcome)) as { subject: string | null; problem: string | null }[]
}

describe('small files that one caller sends at once', () => {
  test('share a transaction, and each is whole, counted and audited by itself', async () => {
    const sent = texts(12)
    const answers = await sendTogether(sent)
    expect(new Set(statusesOf(answers))).toEqual(new Set([201]))
    const ids = idsOf(answers)
    expect(new Set(await transactionsOf(ids)).size).toBe(3)
    for (const [index, { bytes }] of sent.entries()) {
      const { bytes: read } = await service.call(`/v1/assets/${ids[index]}/content`, { organization })
      expect(read.equals(bytes)).toBe(true)
    }
    expect((await eventsOf('allowed')).map(({ subject }) => subject)).toEqual(expect.arrayContaining(ids))
    expect(await eventsOf('allowed')).toHaveLength(13)
    const { json } = await service.call(`/v1/usage`, { organization })
    expect(json).toMatchObject({ bytes: 12_010, files: 13 })
  })

  test('are answered each by its own refusal, which harms none of the others', async () => {
    const wrong = { headers: { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` } }
    const sent = [...texts(4), ofOrganization(newText(1000), wrong), ofOrganization(newText(1000), { name: '..' })]
    const answers = await sendTogether([...sent, ...texts(4)])
    expect(statusesOf(answers)).toEqual([201, 201, 201, 201, 422, 422, 201, 201, 201, 201])
    const invalid = ofOrganization(newText(1000), { name: 'a.txt&visibility=purple' })
    arrived = 0
    expect(statusesOf(await sendTogether([...texts(3), invalid]))).toEqual([201, 201, 201, 400])
    expect(await eventsOf('allowed')).toHaveLength(12)
    const problems = answers.filter(({ status }) => status !== 201).map(({ json }) => json.code)
    expect((await eventsOf('refused')).map(({ problem }) => problem).sort()).toEqual(problems.sort())
  })

  test('are stored once where they are the same', async () => {
    const same = newText(2000)
    const answers = await sendTogether(Array.from({ length: 10 }, () => ofOrganization(same)))
    expect(new Set(statusesOf(answers))).toEqual(new Set([201]))
    expect(new Set(idsOf(answers)).size).toBe(10)
    const live = `select count(*)::int from stowage.copy where tenant_id = $1 and state = 'live' and stored_bytes > 1000`
    expect(await sql(live, toUuid(organization))).toEqual([{ count: 1 }])
  })

  test('take of the quota what is left of it, to the byte', async () => {
    const body = { quotaBytes: 10 + 7 * 1000 }
    await service.call(`/v1/organizations/${organization}`, { method: 'PATCH', body })
    const answers = await sendTogether(texts(20))
    expect(statusesOf(answers).filter((status) => status === 201)).toHaveLength(7)
    expect(new Set(answers.flatMap(({ json }) => json.code ?? []))).toEqual(new Set(['quota.exceeded']))
    expect(await eventsOf('refused')).toHaveLength(13)
  })

  test('take of their key’s rate as many requests as they are', async () => {
    const made = await service.call('/v1/api-keys', {
      organization,
      body: { name: 'slow', role: 'editor', requestsPerMinute: 9 },
    })
    const { secret } = made.json
    const answers = await sendTogether(Array.from({ length: 16 }, () => ({ bytes: newText(1000), ask: { secret } })))
    expect(statusesOf(answers).filter((status) => status === 201)).toHaveLength(9)
    expect(statusesOf(answers).filter((status) => status === 429)).toHaveLength(7)
  })

  test('are refused together once their key is revoked', async () => {
    const made = await service.call('/v1/api-keys', { organization, body: { name: 'gone', role: 'editor' } })
    const { secret, id } = made.json
    const sent = Array.from({ length: 8 }, () => ({ bytes: newText(1000), ask: { secret } }))
    const answers = await sendTogether(sent, () =>
      service.call(`/v1/api-keys/${id}`, { method: 'DELETE', organization }),
    )
    expect(statusesOf(answers)).toEqual([201, 201, 401, 401, 401, 401, 401, 401])
  })

  test('are not sent again when nobody knows whether they were committed', async () => {
    const answers = await withClient(service.database.owner, async (second) => {
      await second.query('begin')
      const asked = Promise.withResolvers<{ held: Promise<unknown> }>()
      const sending = sendTogether(texts(8), async (blocked) => {
        // Behind the first two and before the six others.
        const held = second.query(LOCK)
        await until(async () => (await sql(WAITING)).length > blocked.length)
        asked.resolve({ held })
      })
      const { held } = await asked.promise
      await held
      const group = await until(() => blockedBy(second))
      expect(group).toHaveLength(1)
      await sql('select pg_terminate_backend($1)', group[0])
      await second.query('rollback')
      return sending
    })
    expect(statusesOf(answers)).toEqual([201, 201, 503, 503, 503, 503, 503, 503])
    const assets = await sql('select from stowage.asset where tenant_id = $1', toUuid(organization))
    expect(assets).toHaveLength(3)
  })
})

describe('different callers', () => {
  test('share nothing', async () => {
    const other = (await newOrganization(service.call)).id
    await uploadText(service.call, newText(10), { organization: other })
    arrived = 0
    const made = await service.call('/v1/api-keys', { organization, body: { name: 'own', role: 'editor' } })
    const asKey = () => ({ bytes: newText(1000), ask: { secret: made.json.secret } })
    const elsewhere = () => ({ bytes: newText(1000), ask: { organization: other } })
    const sent = Array.from({ length: 5 }, () => [...texts(1), asKey(), elsewhere()]).flat()
    const answers = await sendTogether(sent)
    expect(new Set(statusesOf(answers))).toEqual(new Set([201]))
    const groups = [0, 1, 2].map((caller) => answers.filter((_, index) => index % 3 === caller))
    const made_by = await Promise.all(groups.map((group) => transactionsOf(idsOf(group))))
    const all = made_by.flatMap((transactions) => [...new Set(transactions)])
    expect(new Set(all).size).toBe(all.length)
    expect(groups.map((group) => new Set(group.map(({ json }) => json.organizationId)).size)).toEqual([1, 1, 1])
    expect(groups[2]?.[0]?.json.organizationId).toBe(other)
  })

  test('do not wait for each other crosswise where they send the same files in another order', async () => {
    const made = await service.call('/v1/api-keys', { organization, body: { name: 'own', role: 'editor' } })
    const contents = Array.from({ length: 10 }, () => newText(1000))
    const own = contents.map((bytes) => ofOrganization(bytes))
    const others = contents.toReversed().map((bytes) => ({ bytes, ask: { secret: made.json.secret } }))
    const answers = await sendTogether([...texts(2), ...own, ...others])
    expect(new Set(statusesOf(answers))).toEqual(new Set([201]))
  })
})

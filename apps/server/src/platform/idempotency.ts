import { createHash } from 'node:crypto'
import type { Operation } from '@stowage/contract'
import { sql } from 'kysely'
import { canonical } from '../domain/canonical.ts'
import { Problem, Refusal } from '../domain/problem.ts'
import type { Context } from './invoke.ts'

const KEPT_FOR_MS = 24 * 60 * 60 * 1000
/** A streamed upload that died leaves its claim behind: after this time another request may take it over. */
const CLAIM_MS = 15 * 60 * 1000

/** One request's use of an Idempotency-Key. A streamed upload claims in its first transaction and keeps in its last. */
export interface Idempotency {
  key: string
  /** What makes this request the same as another: its input, and the hash of a body that is at hand. */
  identity: unknown
  part: 'whole' | 'claim' | 'keep'
}

/**
 * Claims a key for this request, or finds the answer that the first one was given. Two at once: the second waits for
 * the first one's commit, since both insert the same row.
 *
 * @throws Problem `idempotency.keyReused` for another request under the same key, `idempotency.inFlight` while the
 *   first one, a streamed upload, still runs
 */
export async function claimAnswer(
  context: Context,
  row: Operation,
  use: Idempotency,
): Promise<{ answer: unknown } | undefined> {
  if (use.part === 'keep' || context.principal.id === null) return undefined
  const requestHash = createHash('sha256')
    .update(canonical({ method: row.method, path: row.path, identity: use.identity }))
    .digest()
  const claimed = await context.db
    .insertInto('idempotency')
    .values({
      tenant_id: context.tenantId,
      principal_id: context.principal.id,
      key: use.key,
      request_hash: requestHash,
      expires_at: new Date(context.now.getTime() + CLAIM_MS),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'principal_id', 'key'])
        .doUpdateSet({
          request_hash: requestHash,
          answer: null,
          expires_at: new Date(context.now.getTime() + CLAIM_MS),
        })
        .where('idempotency.expires_at', '<', context.now),
    )
    .returning('key')
    .executeTakeFirst()
  if (claimed) return undefined
  const kept = await mine(context, use.key).executeTakeFirst()
  if (!kept) throw new Problem('idempotency.inFlight')
  if (!requestHash.equals(kept.request_hash)) throw new Problem('idempotency.keyReused')
  if (kept.answer === null) throw new Problem('idempotency.inFlight')
  return { answer: kept.answer }
}

function mine(context: Context, key: string) {
  return context.db
    .selectFrom('idempotency')
    .select(['request_hash', 'answer'])
    .where('tenant_id', '=', context.tenantId)
    .where('principal_id', '=', context.principal.id)
    .where('key', '=', key)
}

/** Keeps the answer of a claimed request, in its transaction. A refusal frees the key: the request may be tried again. */
export async function keepAnswer(context: Context, row: Operation, use: Idempotency, answer: unknown): Promise<void> {
  if (use.part === 'claim' || context.principal.id === null) return
  if (answer instanceof Refusal) return releaseClaim(context, use.key)
  await context.db
    .updateTable('idempotency')
    .set({
      answer: sql`${JSON.stringify(answer)}::jsonb`,
      status: row.status,
      expires_at: new Date(context.now.getTime() + KEPT_FOR_MS),
    })
    .where('tenant_id', '=', context.tenantId)
    .where('principal_id', '=', context.principal.id)
    .where('key', '=', use.key)
    .execute()
}

/** Frees the key of a request that was refused after its claim was committed. */
export async function releaseClaim(
  context: Pick<Context, 'db' | 'tenantId' | 'principal'>,
  key: string,
): Promise<void> {
  await context.db
    .deleteFrom('idempotency')
    .where('tenant_id', '=', context.tenantId)
    .where('principal_id', '=', context.principal.id)
    .where('key', '=', key)
    .where('answer', 'is', null)
    .execute()
}

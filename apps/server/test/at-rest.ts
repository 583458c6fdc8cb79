import { runJobs } from '../src/doors/worker/run-jobs.ts'
import { type FsckReport, inspect } from '../src/fsck.ts'
import { withClient } from '../src/platform/database/client.ts'
import { createScopeKeyring } from '../src/platform/scope-keys.ts'
import type { TestService } from './test-service.ts'

type Tested = Pick<TestService, 'app' | 'foundation'>

/** Runs the jobs as if every lease, and every wait, were over. */
export async function runEverything({ app, foundation }: Tested): Promise<void> {
  await withClient(foundation.owner, async (owner) => {
    await owner.query(
      `update stowage.copy set due_at = now(), writable_until = now() where state in ('writing', 'releasing')`,
    )
    await owner.query('update stowage.copy set wanted_at = now() where wanted_in is not null')
  })
  await runJobs(app.worker)
}

/** Compares what lies in every store with the rows, reading each byte. */
export async function look({ app, foundation }: Tested): Promise<FsckReport> {
  const scopeKeys = createScopeKeyring(app.pools.system, foundation.masterKeys)
  return withClient(foundation.owner, (owner) =>
    inspect(owner, app.pools.system, app.stores, app.uploads.packs, scopeKeys, { quick: false }),
  )
}

/** What `look` tells where nothing is lost, damaged or left behind. */
export const CLEAN: Partial<FsckReport> = { pending: 0, missing: [], damaged: [], stray: [] }

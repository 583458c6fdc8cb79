import type { Output } from '@stowage/contract'
import type { Context, Handler } from '../../platform/invoke.ts'
import { getAsset } from '../assets/room.ts'
import { getVersion } from '../versions/room.ts'
import * as rows from './steps.sql.ts'

/** What the pipeline has done with a version: look at it, and ask for it again. */
export const stepHandlers = {
  'steps.list': async (context, { assetId, version }) => {
    const asset = await getAsset(context, assetId)
    const found = await rows.findSteps(context.db, {
      tenant_id: context.tenantId,
      asset_id: asset.id,
      n: version ?? asset.current_n,
    })
    return { items: found.map(shown) }
  },
  'steps.retry': async (context, { assetId, step, version }) => {
    const asset = await getAsset(context, assetId)
    const { n } = await getVersion(context, asset.id, version ?? asset.current_n)
    const id = { tenant_id: context.tenantId, asset_id: asset.id, n, name: step }
    await rows.askStep(context.db, id, rows.INTERACTIVE)
    return shown(await asked(context, id))
  },
} satisfies { [Name in `steps.${'list' | 'retry'}`]: Handler<Name> }

async function asked({ db }: Context, step: rows.StepId): Promise<rows.StepRow> {
  return (await rows.findSteps(db, step)).find((row) => row.name === step.name) as rows.StepRow
}

function shown(row: rows.StepRow): Output<'steps.list'>['items'][number] {
  const ahead = row.state === 'waiting' || row.state === 'running'
  return {
    name: row.name as 'scan',
    version: row.n,
    state: row.state as 'done',
    attempts: row.attempts,
    reason: row.reason,
    durationMs: row.duration_ms,
    dueAt: ahead ? row.due_at.toISOString() : null,
    updatedAt: row.updated_at.toISOString(),
  }
}

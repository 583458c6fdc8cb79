import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Db } from '../../platform/database/connect.ts'
import type { Platform } from '../../platform/invoke.ts'
import type { Facts } from '../../providers/extractors/port.ts'
import { categoryOf, type Judgement } from './categories.rules.ts'
import { findSensitive } from './findings.rules.ts'
import type { StepWork } from './pipeline.ts'
import { findSecrets } from './secrets.ts'
import { askStep, type Claim, findInspected } from './steps.sql.ts'
import * as rows from './understanding.sql.ts'

const MAX_FINDINGS = 500
/** How much text is looked at between two questions to the database. */
const CHARS_AT_ONCE = 200_000
/** What a document is shows at its beginning. */
const OPENING_CHARS = 20_000

/**
 * Says what kind of document a version is and what is sensitive in it, by its stored text: better rules need not read
 * the file again.
 */
export function classifyStep({ inTenant }: Pick<Platform, 'inTenant'>): StepWork {
  return async (claim, signal, end) => {
    const [found, read] = await inTenant(claim.tenant_id, async (db) => [
      await findInspected(db, claim),
      await rows.findFacts(db, claim),
    ])
    if (!found || !read) return end({ state: 'skipped', reason: 'nothing was read of it' })
    const { findings, opening } = await lookThrough((from) => {
      signal.throwIfAborted()
      return inTenant(claim.tenant_id, (db) => rows.findTexts(db, claim, from, CHARS_AT_ONCE))
    })
    const { name, media_type: mediaType } = found
    const { pageCount } = read.facts as Facts
    const category = categoryOf({ name, mediaType, text: opening, ...(pageCount !== undefined && { pageCount }) })
    return end({
      state: 'done',
      reason: category.category,
      apply: (db) => keep(db, claim, read, category, findings),
    })
  }
}

async function lookThrough(textsFrom: (part: number) => Promise<rows.TextRow[]>) {
  const findings: rows.NewFinding[] = []
  let opening = ''
  for (let texts = await textsFrom(0); texts.length > 0; texts = await textsFrom((texts.at(-1)?.part ?? 0) + 1)) {
    for (const { part, page, text } of texts) {
      const room = MAX_FINDINGS - findings.length
      if (opening.length < OPENING_CHARS) opening += text.slice(0, OPENING_CHARS)
      if (room === 0) continue
      // What looks through a text does so without a pause; requests come in between.
      await nextTurn()
      const secrets = await findSecrets(text, room)
      await nextTurn()
      for (const each of findSensitive(text, room, secrets))
        findings.push({ ...each, number: findings.length, part, page })
    }
  }
  return { findings, opening }
}

async function keep(
  db: Db,
  claim: Claim,
  read: rows.FactsRow,
  category: Judgement,
  findings: readonly rows.NewFinding[],
): Promise<void> {
  // Read again meanwhile, it is another text.
  if (!(await rows.setCategory(db, claim, read, category))) return askStep(db, claim, claim.priority)
  await rows.replaceFindings(db, claim, findings)
}

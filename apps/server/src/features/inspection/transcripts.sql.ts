import { sql } from 'kysely'
import type { Db } from '../../platform/database/connect.ts'
import { askStep, type Claim, isOf, type VersionId } from './steps.sql.ts'

/** All SQL of transcripts that is not of every text. */

/** What of the types that are kept may be listened to. */
const IS_SOUND = /^(audio|video)\//

export function isListenedTo(mediaType: string): boolean {
  return IS_SOUND.test(mediaType)
}

/** Asks for a transcript of a version that may have one, as urgently as what was done with it before. */
export async function askTranscript(db: Db, claim: Claim): Promise<void> {
  const { rows } = await sql<{ media_type: string }>`select media_type from version where ${isOf(claim)}`.execute(db)
  if (rows[0] && isListenedTo(rows[0].media_type)) await askStep(db, { ...claim, name: 'transcribe' }, claim.priority)
}

/** The language that its sender says is spoken, if anybody does. */
export async function findSpokenLanguage(db: Db, { tenant_id, asset_id }: VersionId): Promise<string | undefined> {
  const { rows } = await sql<{ language: string | null }>`
    select metadata ->> 'language' as language from asset where tenant_id = ${tenant_id} and id = ${asset_id}`.execute(
    db,
  )
  return rows[0]?.language ?? undefined
}

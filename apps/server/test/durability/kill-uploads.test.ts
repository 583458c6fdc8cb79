import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { UploadsFigures } from '../../../../scripts/campaigns/kill/uploads-campaign.ts'
import { addressOf } from '../real-services.ts'

const CAMPAIGN = join(import.meta.dirname, '../../../../scripts/campaigns/kill-uploads.ts')
const kills = Number(process.env['STOWAGE_TEST_KILLS'] ?? 3)

describe.skipIf(!addressOf('s3'))(
  'a server killed at any moment of uploads in parts, straight to S3, or resumable',
  () => {
    test(
      'keeps all that it acknowledged, goes on with what was cut off, and leaves nothing in the bucket',
      async () => {
        const figures = await run(['--kills', String(kills)])
        expect(figures).toMatchObject({ kills, lost: [], stray: [], pending: 0, openInStore: [] })
        expect(figures.acknowledged).toBeGreaterThan(0)
        expect(figures.resumed).toBeGreaterThan(0)
      },
      180_000 + kills * 20_000,
    )
  },
)

function run(words: string[]): Promise<UploadsFigures> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CAMPAIGN, ...words], (error, output, errors) => {
      if (output) resolve(JSON.parse(output) as UploadsFigures)
      else reject(error ?? new Error(errors))
    })
  })
}

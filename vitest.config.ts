import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The longest ones, longest first. */
const LONG = [
  'corpus/campaigns.test.ts',
  'corpus/corpus.test.ts',
  'previewers/libreoffice.test.ts',
  'durability/big-roads.test.ts',
  'platform/database/embedded.test.ts',
  'durability/kill.test.ts',
  'test/campaigns.test.ts',
  'inspection/ocr.test.ts',
  'stores/s3.test.ts',
  'durability/kill-uploads.test.ts',
  'inspection/transcripts.test.ts',
  'durability/s3-outage.test.ts',
  'stores/gcs.test.ts',
  'client/test/resume.test.ts',
  'durability/durable-order.test.ts',
  'variants/variants.test.ts',
  'scripts/demo.test.ts',
  'isolation/policies.test.ts',
  'isolation/isolation.test.ts',
  'test/races.test.ts',
]

/** What takes long begins first, so that nothing runs on alone when the rest is done. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((ending) => moduleId.endsWith(ending))
      return at < 0 ? LONG.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['packages/*/{src,test}/**/*.test.ts', 'apps/server/{src,test}/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['apps/server/test/global-setup.ts'],
    // One more than the two cores that this is measured on: many tests wait, for a disk or for a time to pass.
    maxWorkers: 3,
    // Modules hold no state of a test's, and loading them anew for each file takes a fifth of the time.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})

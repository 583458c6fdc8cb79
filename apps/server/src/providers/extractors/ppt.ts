import { readCompoundFile } from './compound-file.ts'
import { extracting } from './output.ts'
import type { Extractor } from './port.ts'
import { readSummary } from './summary-information.ts'

/** What a presentation in PowerPoint's old format ([MS-PPT]) says of itself. Its slides take an office suite to read. */
export const pptExtractor: Extractor = {
  extract: (source, emit, limits) =>
    extracting(emit, limits, async (output) => {
      const file = await readCompoundFile(source, limits.entries)
      await output.facts(readSummary(file))
    }),
}

import { documentDate, languageTag, readFields } from './document-facts.ts'
import { splitKeywords } from './fact-values.ts'
import { type Relationship, targetsOf, walkEntry } from './office-package.ts'
import { ExtractionError, type ExtractionLimits, type Facts } from './port.ts'
import type { ZipEntries } from './zip-entries.ts'

type Fields = ReturnType<typeof readFields>

/** What an Open Packaging file says of itself, and the fields that it says it by (ISO/IEC 29500-2, clause 11). */
export async function readOfficeFacts(
  zip: ZipEntries,
  limits: ExtractionLimits,
  roots: readonly Relationship[],
): Promise<{ facts: Facts; core: Fields; app: Fields }> {
  const read = async (type: string, usualName: string) => {
    const fields = readFields()
    const name = targetsOf(zip, roots, type)[0] ?? usualName
    // Properties that are broken say nothing; the rest may be whole all the same.
    if (zip.has(name)) await walkEntry(zip, limits, name, fields).catch(ignoreCorrupt)
    return fields
  }
  const core = await read('core-properties', 'docProps/core.xml')
  const app = await read('extended-properties', 'docProps/app.xml')
  const facts = {
    title: core.first('title'),
    author: core.first('creator'),
    subject: core.first('subject'),
    keywords: splitKeywords(core.first('keywords')),
    language: languageTag(core.first('language')),
    createdAt: documentDate(core.first('created')),
    modifiedAt: documentDate(core.first('modified')),
    producer: app.first('Application'),
  }
  return { facts, core, app }
}

function ignoreCorrupt(error: unknown) {
  if (!(error instanceof ExtractionError && error.kind === 'corrupt')) throw error
}

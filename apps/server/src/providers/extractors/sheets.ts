import { open } from 'node:fs/promises'
import { isCompoundFile } from './compound-file.ts'
import { OPEN_DOCUMENT, XLS } from './media-types.ts'
import { readOds } from './ods.ts'
import { extracting, type Output } from './output.ts'
import { ExtractionError, type ExtractionLimits, type Extractor, type Source } from './port.ts'
import { readXls } from './xls.ts'
import { readXlsx } from './xlsx.ts'

/**
 * All sheets of a workbook, the hidden ones too: rows of typed cells, and the same as text for search. Merged cells are
 * as they are written, the value in the first.
 */
export const sheetsExtractor: Extractor = {
  extract: (source, emit, limits) => extracting(emit, limits, (output) => readSheets(source, limits, output)),
}

async function readSheets(source: Source, limits: ExtractionLimits, output: Output) {
  if (source.mediaType === XLS) return readXls(source, limits, output)
  // Whatever the format, Office encrypts a workbook into a compound file ([MS-OFFCRYPTO] 2.3).
  if (isCompoundFile(await readHead(source.path))) {
    throw new ExtractionError('encrypted', 'The workbook opens with its password only')
  }
  if (source.mediaType.startsWith(OPEN_DOCUMENT)) return readOds(source, limits, output)
  return readXlsx(source, limits, output)
}

async function readHead(path: string) {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

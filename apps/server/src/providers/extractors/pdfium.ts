import { open, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PDFiumModule } from '@hyzyla/pdfium'
import { ExtractionError } from './port.ts'
import { wasm } from './wasm.ts'

const readBytes = 4 * 1024 ** 2

/** fpdfview.h, FPDF_GetLastError. */
const passwordError = 4
const securityError = 5

export type Pdfium = Awaited<ReturnType<typeof PDFiumModule>>

let compiled: Promise<object> | undefined

/**
 * Opens a document in an instance of PDFium of its own, since one that was aborted by a file reads no other. It goes
 * with all that it holds when nobody knows it any more.
 *
 * @returns the instance, and the document's number in it
 * @throws ExtractionError `corrupt` | `encrypted` | `limits`
 */
export async function openPdf(path: string, sizeBytes: number): Promise<{ pdfium: Pdfium; document: number }> {
  const pdfium = await startPdfium()
  const bytes = await load(pdfium, path, sizeBytes)
  const document = pdfium._FPDF_LoadMemDocument(bytes, sizeBytes, 0)
  if (document === 0) throw refusal(pdfium._FPDF_GetLastError())
  return { pdfium, document }
}

/**
 * @returns an address in the memory of PDFium
 * @throws ExtractionError `limits`
 */
export function allocate(pdfium: Pdfium, bytes: number): number {
  const address = pdfium.wasmExports.malloc(Math.max(bytes, 1))
  if (address === 0) throw new ExtractionError('limits', 'The document needs more memory than there is')
  return address
}

/** Compiles once for all files, which takes longer than most of them do. */
async function startPdfium(): Promise<Pdfium> {
  const path = createRequire(import.meta.url).resolve('@hyzyla/pdfium/pdfium.wasm')
  compiled ??= readFile(path).then((bytes) => wasm.compile(bytes))
  const code = await compiled
  const instantiateWasm = (imports: object, done: (instance: object) => void) => {
    done(new wasm.Instance(code, imports))
    return {}
  }
  const pdfium = await PDFiumModule({ instantiateWasm } as never)
  pdfium._FPDF_InitLibraryWithConfig({})
  return pdfium
}

/** Reads the file into the memory of PDFium, without a second copy of it here. */
async function load(pdfium: Pdfium, path: string, sizeBytes: number): Promise<number> {
  const address = allocate(pdfium, sizeBytes)
  const file = await open(path)
  try {
    for (let at = 0; at < sizeBytes; ) {
      const part = Buffer.alloc(Math.min(readBytes, sizeBytes - at))
      const { bytesRead } = await file.read(part, 0, part.length, at)
      if (bytesRead === 0) break
      pdfium.HEAPU8.set(part.subarray(0, bytesRead), address + at)
      at += bytesRead
    }
  } finally {
    await file.close()
  }
  return address
}

function refusal(error: number): ExtractionError {
  if (error === passwordError) return new ExtractionError('encrypted', 'The document opens with its password only')
  if (error === securityError) return new ExtractionError('encrypted', 'The document is encrypted in an unknown way')
  return new ExtractionError('corrupt', 'The file is no PDF document, or a broken one')
}

import { open, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PDFiumModule } from '@hyzyla/pdfium'
import { wasm } from '../extractors/wasm.ts'
import type { Size } from './box.ts'
import { PreviewError } from './port.ts'

const READ_BYTES = 4 * 1024 ** 2

/** fpdfview.h: FPDF_GetLastError. */
const [PASSWORD_ERROR, SECURITY_ERROR] = [4, 5]
/** fpdfview.h: FPDFBitmap_BGRA, FPDF_ANNOT, FPDF_REVERSE_BYTE_ORDER. */
const [BGRA, WITH_ANNOTATIONS, AS_RGBA] = [4, 0x01, 0x10]
const [BYTES_PER_PIXEL, WHITE] = [4, 0xffffffff]

type Pdfium = Awaited<ReturnType<typeof PDFiumModule>>

export interface PdfDocument {
  pageCount: number
  /**
   * Works with one page, which is closed afterwards.
   *
   * @param index counts from 0
   * @returns undefined for a page that cannot be read
   */
  withPage<Result>(index: number, work: (page: PdfPage) => Result): Result | undefined
}

export interface PdfPage {
  /** In points, turned as it is to be read. */
  shape: Size
  /** @returns rows of RGBA on white */
  draw(size: Size): Uint8Array
}

/**
 * Opens a document in an instance of PDFium of its own, since one that was aborted by a file reads no other. It goes
 * with all that it holds when nobody knows it any more.
 *
 * @throws PreviewError `corrupt` | `encrypted` | `limits`
 */
export async function openPdf(path: string, sizeBytes: number): Promise<PdfDocument> {
  const pdfium = await startPdfium()
  const bytes = await load(pdfium, path, sizeBytes)
  const document = pdfium._FPDF_LoadMemDocument(bytes, sizeBytes, 0)
  if (document === 0) throw refusal(pdfium._FPDF_GetLastError())
  return {
    pageCount: pdfium._FPDF_GetPageCount(document),
    withPage: (index, work) => {
      const page = pdfium._FPDF_LoadPage(document, index)
      if (page === 0) return undefined
      try {
        const shape = { width: pdfium._FPDF_GetPageWidth(page), height: pdfium._FPDF_GetPageHeight(page) }
        const isSound = [shape.width, shape.height].every((length) => Number.isFinite(length) && length > 0)
        return isSound ? work({ shape, draw: (size) => draw(pdfium, page, size) }) : undefined
      } finally {
        pdfium._FPDF_ClosePage(page)
      }
    },
  }
}

let compiled: Promise<object> | undefined

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
      const part = Buffer.alloc(Math.min(READ_BYTES, sizeBytes - at))
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

function draw(pdfium: Pdfium, page: number, { width, height }: Size): Uint8Array {
  const rowBytes = width * BYTES_PER_PIXEL
  const pixels = allocate(pdfium, rowBytes * height)
  try {
    const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, BGRA, pixels, rowBytes)
    if (bitmap === 0) throw new PreviewError('limits', 'The page needs more memory than there is')
    pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
    pdfium._FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, WITH_ANNOTATIONS | AS_RGBA)
    pdfium._FPDFBitmap_Destroy(bitmap)
    return pdfium.HEAPU8.slice(pixels, pixels + rowBytes * height)
  } finally {
    pdfium.wasmExports.free(pixels)
  }
}

function allocate(pdfium: Pdfium, bytes: number): number {
  const address = pdfium.wasmExports.malloc(Math.max(bytes, 1))
  if (address === 0) throw new PreviewError('limits', 'The document needs more memory than there is')
  return address
}

function refusal(error: number): PreviewError {
  if (error === PASSWORD_ERROR) return new PreviewError('encrypted', 'The document opens with its password only')
  if (error === SECURITY_ERROR) return new PreviewError('encrypted', 'The document is encrypted in an unknown way')
  return new PreviewError('corrupt', 'The file is no PDF document, or a broken one')
}

/** Draws, in a process of its own that finds no font, what the arguments name: path and media type. Prints how it ended. */
import { imagePreviewer } from './image.ts'
import { PreviewError } from './port.ts'
import { textPreviewer } from './text.ts'

const [path = '', mediaType = ''] = process.argv.slice(2)
const previewer = mediaType.startsWith('image/') ? imagePreviewer : textPreviewer
const source = { path, sizeBytes: 1000, mediaType, name: 'sample' }
const wanted = [{ page: 1, width: 200, height: 200, fit: 'inside', format: 'png' }] as const
try {
  await previewer.render(source, wanted, async () => {}, { pixels: 1e8, textChars: 1000 })
  process.stdout.write('drawn')
} catch (error) {
  process.stdout.write(error instanceof PreviewError ? `${error.kind}: ${error.message}` : `fault: ${error}`)
}

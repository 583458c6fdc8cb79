import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { runJobs } from '../src/doors/worker/run-jobs.ts'
import { type Service, startService } from '../test/service.ts'

/**
 * Draws docs/images/variants.webp: what the service makes of the files in examples/, and of a video and a sound that
 * ffmpeg makes. Needs LibreOffice and ffmpeg.
 */
const ROOT = join(import.meta.dirname, '../../..')
const OUTPUT = join(ROOT, 'docs/images/variants.webp')
const [CELL_WIDTH, CELL_HEIGHT, LABEL_HEIGHT, MARGIN, COLUMNS] = [300, 300, 34, 14, 4]
const WHITE = '#ffffff'

interface Shown {
  path: string
  variant: string
}

const examples = [
  'site-visit.jpg',
  'quarterly-report.pdf',
  'supplier-agreement.docx',
  'budget-2026.xlsx',
  'customers.csv',
  'meeting-notes.txt',
]

function media(folder: string): Shown[] {
  const ffmpeg = (...args: string[]) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args], { cwd: folder })
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=640x360:duration=3', '-pix_fmt', 'yuv420p', 'film.mp4')
  ffmpeg(
    '-f',
    'lavfi',
    '-i',
    "flite=text='Every file has a picture, also one that can only be heard.':voice=slt",
    'voice.mp3',
  )
  return [
    { path: join(folder, 'film.mp4'), variant: 'poster' },
    { path: join(folder, 'voice.mp3'), variant: 'waveform' },
  ]
}

async function pictureOf({ call, app }: Service, { path, variant }: Shown): Promise<Buffer> {
  const headers = { 'content-type': 'application/octet-stream' }
  const type = /\.(mp4|mp3)$/.test(path) ? 'recording' : 'document_upload'
  const made = await call(`/v1/assets?name=${basename(path)}&assetType=${type}`, { body: readFileSync(path), headers })
  if (made.status !== 201) throw new Error(made.bytes.toString())
  const asked = call(`/v1/assets/${made.json.id}/variants/${variant}`)
  let over = false
  void asked.finally(() => {
    over = true
  })
  while (!over) await runJobs(app.worker)
  const { status, bytes } = await asked
  if (status !== 200) throw new Error(`${basename(path)}: ${bytes}`)
  return bytes
}

async function cell(picture: Buffer, label: string): Promise<Buffer> {
  const image = await sharp(picture)
    .resize(CELL_WIDTH - 2 * MARGIN, CELL_HEIGHT - 2 * MARGIN, { fit: 'inside', withoutEnlargement: true })
    .extend({ top: 1, bottom: 1, left: 1, right: 1, background: '#c8c8c8' })
    .toBuffer({ resolveWithObject: true })
  const text = await sharp({ text: { text: label, rgba: true, dpi: 96, font: 'sans' } })
    .png()
    .toBuffer()
  const { width, height } = image.info
  return sharp({ create: { width: CELL_WIDTH, height: CELL_HEIGHT + LABEL_HEIGHT, channels: 3, background: WHITE } })
    .composite([
      { input: image.data, left: Math.floor((CELL_WIDTH - width) / 2), top: Math.floor((CELL_HEIGHT - height) / 2) },
      { input: text, left: MARGIN, top: CELL_HEIGHT },
    ])
    .png()
    .toBuffer()
}

const folder = mkdtempSync(join(tmpdir(), 'stowage-sheet-'))
const service = await startService({ STOWAGE_EXTRACT: 'on' })
try {
  const shown = [
    ...examples.map((name) => ({ path: join(ROOT, 'examples', name), variant: 'preview' })),
    ...media(folder),
  ]
  const cells: Buffer[] = []
  for (const each of shown)
    cells.push(await cell(await pictureOf(service, each), `${basename(each.path)} · ${each.variant}`))
  const rows = Math.ceil(cells.length / COLUMNS)
  const sheet = sharp({
    create: {
      width: COLUMNS * CELL_WIDTH,
      height: rows * (CELL_HEIGHT + LABEL_HEIGHT),
      channels: 3,
      background: WHITE,
    },
  }).composite(
    cells.map((input, index) => ({
      input,
      left: (index % COLUMNS) * CELL_WIDTH,
      top: Math.floor(index / COLUMNS) * (CELL_HEIGHT + LABEL_HEIGHT),
    })),
  )
  writeFileSync(OUTPUT, await sheet.webp({ quality: 80 }).toBuffer())
} finally {
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
}

import { findProgram } from './platform/sandbox/programs.ts'

/** Programs that the service uses where they are installed. docs/how-to/optional-programs.md says how they are. */
export const optionalPrograms = [
  {
    name: 'LibreOffice',
    program: 'soffice',
    gives: 'pictures of Office documents, and the text of presentations of PowerPoint 97 (.ppt)',
  },
  { name: 'libheif', program: 'heif-convert', gives: 'pictures of HEIC photographs, and the text in them' },
  { name: 'Tesseract', program: 'tesseract', gives: 'the text in pictures and in scanned pages' },
  {
    name: 'FFmpeg',
    program: 'ffmpeg',
    gives: 'posters of videos, waveforms of sounds other than WAV, and recordings made fit to be transcribed',
  },
] as const

export function statesOfPrograms(): Record<string, 'installed' | 'missing'> {
  return Object.fromEntries(
    optionalPrograms.map(({ program }) => [program, findProgram(program) === undefined ? 'missing' : 'installed']),
  )
}

/** One line for every program that is not there, saying what goes without. */
export function missingPrograms(): string[] {
  return optionalPrograms
    .filter(({ program }) => findProgram(program) === undefined)
    .map(({ name, gives }) => `${name} is not installed: there will be none of ${gives}`)
}

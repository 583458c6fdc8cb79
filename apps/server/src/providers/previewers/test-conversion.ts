import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Converter, type ConverterLimits, SOURCE_NAME } from './port.ts'

/** As much of a sandbox as a conversion needs. */
interface Runner {
  exec(
    program: string,
    args: readonly string[],
    options: { folder: string; limits: ConverterLimits; signal: AbortSignal },
  ): Promise<unknown>
  withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result>
}

/** Converts bytes as the converter says. Undefined when it made nothing. */
export function convert(
  runner: Runner,
  converter: Converter,
  bytes: Buffer,
  durationMs?: number,
): Promise<Buffer | undefined> {
  return runner.withFolder(async (folder) => {
    await writeFile(join(folder, SOURCE_NAME), bytes)
    for (const [path, content] of Object.entries(converter.files())) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    const { signal } = new AbortController()
    await runner.exec(converter.program, converter.arguments(SOURCE_NAME, durationMs), {
      folder,
      limits: converter.limits,
      signal,
    })
    return await readFile(join(folder, converter.output.name)).catch(() => undefined)
  })
}

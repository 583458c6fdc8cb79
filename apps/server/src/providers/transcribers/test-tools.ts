import { type ExecFileException, execFile } from 'node:child_process'
import { type RunTool, ToolError } from './port.ts'

/** Runs tools as they are: what a test gives them is its own. */
export const runToolHere: RunTool = (program, args, { folder, limits, signal }) =>
  new Promise((resolve, reject) => {
    const options = {
      cwd: folder,
      signal,
      killSignal: 'SIGKILL',
      timeout: limits.wallSeconds * 1000,
      maxBuffer: limits.outputBytes,
      encoding: 'buffer',
    } as const
    const child = execFile(program, [...args], options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(signal.aborted ? signal.reason : toolError(error))
    })
    child.stdin?.end()
  })

function toolError(error: ExecFileException): ToolError {
  const { code, killed, message } = error
  if (code === 'ENOENT') return new ToolError('missing', message)
  const isLimit = killed === true || String(code) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
  return new ToolError(isLimit ? 'limits' : 'failed', message)
}

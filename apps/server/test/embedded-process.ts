import { startEmbedded } from '../src/platform/database/embedded.ts'

/** A process that runs an embedded database until its standard input ends; started, and killed, by embedded.test.ts. */
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)

try {
  const server = await startEmbedded({
    directory: process.argv[2]!,
    log: { info: () => {}, warn: () => {} },
    onExit: (reason) => say({ exit: reason.message }),
  })
  say({ pid: server.pid, connection: server.connection })
  process.stdin.resume().once('end', server.stop)
} catch (error) {
  say({ error: (error as Error).message })
}

import { writeFile } from 'node:fs/promises'
import { startGcsServer } from './server.ts'

const [port = '0', credentialsFile = 'gcs-credentials.json'] = process.argv.slice(2)
const server = await startGcsServer({ port: Number(port) })
await writeFile(credentialsFile, JSON.stringify(server.credentials, undefined, 2), { mode: 0o600 })
process.stdout.write(`${server.url}\n`)
process.once('SIGTERM', () => void server.close())
process.once('SIGINT', () => void server.close())

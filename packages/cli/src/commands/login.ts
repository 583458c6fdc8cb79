import { StowageError } from '@stowage/client'
import type { Command } from 'commander'
import { UsageError } from '../failure.ts'
import type { Run } from '../leaf.ts'
import { connect, keepLogin, type Login, localUrl } from '../session.ts'
import { ask, remark, type Terminal } from '../terminal.ts'

export function addLogin({ terminal }: Run, program: Command): void {
  const command = program
    .command('login')
    .description('Check a key and keep it for the commands that follow')
    .option('--url <url>', 'address of the server')
    .option('--key <key>', 'API key; without it you are asked, so that it stays out of the shell history')
    .option('--organization <id>', 'id or slug of the organization to work in, for a platform key')
  command.action(async () => {
    const { url, key, organization } = command.opts()
    const login: Login = { url: url ?? (await askUrl(terminal)), key: key ?? (await askKey(terminal)), organization }
    await check(login, terminal)
    remark(terminal, `Logged in to ${login.url}; kept in ${await keepLogin(terminal, login)}`)
  })
}

async function askUrl(terminal: Terminal): Promise<string> {
  const usual = localUrl(terminal)
  return (await ask(terminal, `Server [${usual}]: `, { instead: '--url' })) || usual
}

async function askKey(terminal: Terminal): Promise<string> {
  const key = await ask(terminal, 'API key: ', { hidden: true, instead: '--key' })
  if (!key) throw new UsageError('A key is needed.')
  return key
}

/** A key that may not list organizations is still a key: only what is wrong with the key itself counts. */
async function check(login: Login, terminal: Terminal): Promise<void> {
  try {
    await connect(login, terminal).organizations.list({ limit: 1 })
  } catch (error) {
    if (!(error instanceof StowageError) || error.status !== 403) throw error
  }
}

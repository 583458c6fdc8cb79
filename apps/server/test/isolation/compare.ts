import { isDeepStrictEqual } from 'node:util'
import { getOperation, type OperationName, operationNames } from '@stowage/contract'
import { commandsAboutAssets } from './asset-commands.ts'
import { type Commands, type Expected, fieldsOf, ghost, type Input, refused } from './command.ts'
import { type Actor, type Answer, type Caller, type Model, mayTry, recognise, recognisePublic } from './model.ts'
import { ask, type Reply } from './request.ts'
import { resumableCommands } from './resumable-commands.ts'
import { storeCommands } from './store-commands.ts'
import { tenantCommands } from './tenant-commands.ts'
import { isTus } from './tus.ts'
import { uploadCommands } from './upload-commands.ts'
import type { World } from './world.ts'

export const commands: Commands = {
  ...tenantCommands,
  ...commandsAboutAssets,
  ...uploadCommands,
  ...resumableCommands,
  ...storeCommands,
}

/** Opened by a signature in the address: the acceptance suite asks these. */
const ELSEWHERE: ReadonlySet<OperationName> = new Set(['uploads.put', 'uploads.post', 'uploads.putPart'])

/** Every row of the contract that is asked with a credential. */
export const askedOperations = operationNames().filter((name) => !ELSEWHERE.has(name))

/** Where the service and the model do not agree. */
export interface Difference {
  operation: OperationName
  caller: Caller
  input: Input
  about: string
  got: unknown
  wanted: unknown
}

/** Asks the service, compares its answer with what the model foretells, and carries the model on. */
export async function play(
  world: World,
  operation: OperationName,
  caller: Caller,
  input: Input,
): Promise<{ difference: Difference | undefined; reply: Reply }> {
  const { model } = world
  const actor = isReadable(operation, input) ? enter(model, operation, caller, input) : 'invalid'
  const expected =
    typeof actor === 'string'
      ? refused(atTheDoor(actor, operation, caller, input))
      : foretell(model, operation, actor, input)
  if (getOperation(operation).effect === 'read') await world.service.app.platform.auditTrail.flush()
  // A list is compared with the trail as it was before the list itself is written into it.
  const wanted = expected.shows
  const asking = { operation, caller, input, actor, isSilent: expected.isSilent === true }
  const reply = await askAll(world, asking)
  const differ = (about: string, got: unknown, should: unknown) => ({
    reply,
    difference: { operation, caller, input, about, got, wanted: should },
  })
  if (reply.answer !== expected.answer) return differ('answer', `${reply.answer} ${reply.text}`, expected.answer)
  if (reply.answer === 'allowed') {
    const shown = wanted?.(reply.body)
    if (shown && !isDeepStrictEqual(shown.got, shown.wanted)) return differ('content', shown.got, shown.wanted)
  }
  expected.after?.(reply.body)
  const told = await tellsApart(world, asking, reply)
  return told
    ? differ('an id of another organization and one that nobody has', told.got, told.wanted)
    : { reply, difference: undefined }
}

/** The bodies of uploads are streamed past the contract's check until the caller is known to have a credential. */
function atTheDoor(answer: Answer, operation: OperationName, caller: Caller, input: Input): Answer {
  const isNobody = caller.kind === 'stranger' && caller.secret === undefined
  const isStreamed = getOperation(operation).bytes === 'in' || isTus(operation, input)
  return isNobody && isStreamed ? 'unauthenticated' : answer
}

function isReadable(operation: OperationName, input: Input): boolean {
  return getOperation(operation).input.safeParse(fieldsOf(input)).success
}

function enter(model: Model, operation: OperationName, caller: Caller, input: Input): Actor | Answer {
  const isBytes = operation === 'assets.content' || operation === 'variants.content'
  if (isBytes && caller.kind === 'stranger' && caller.secret === undefined)
    return recognisePublic(model, input['assetId'] as string)
  const organizationId = input['organizationId']
  return recognise(model, caller, organizationId === undefined ? undefined : String(organizationId))
}

function foretell(model: Model, operation: OperationName, actor: Actor, input: Input): Expected {
  if (!mayTry(actor, getOperation(operation).action)) return refused('forbidden')
  const command = commands[operation]
  if (!command) throw new Error(`${operation} has no command`)
  return command.expect(model, actor, input)
}

interface Asking {
  operation: OperationName
  caller: Caller
  input: Input
  actor: Actor | Answer
  isSilent: boolean
}

/** One request, or all pages of a list put together. Each is one entry of the trail of whoever was recognised. */
async function askAll(world: World, asking: Asking): Promise<Reply> {
  const first = await askOnce(world, asking)
  if (!commands[asking.operation]?.paged || first.answer !== 'allowed') return first
  for (let page = first; page.body.nextCursor !== null; ) {
    page = await askOnce(world, { ...asking, input: { ...asking.input, cursor: page.body.nextCursor } })
    if (page.answer !== 'allowed') return page
    first.body.items.push(...page.body.items)
  }
  return first
}

function askOnce(world: World, { operation, caller, input, actor, isSilent }: Asking): Promise<Reply> {
  world.asked += 1
  const requestId = `request-${String(world.asked).padStart(6, '0')}`
  const reply = ask(world.service.url, operation, caller, input, requestId)
  if (typeof actor === 'string') return reply
  return reply.then((answer) => {
    const isUnaudited = getOperation(operation).audit === 'none' && answer.answer === 'allowed'
    if (!isSilent && !isUnaudited) recordAt(world.model, actor.organizationId, requestId)
    return answer
  })
}

function recordAt(model: Model, organizationId: string, requestId: string): void {
  const trail = model.trails.get(organizationId) ?? []
  trail.push(requestId)
  model.trails.set(organizationId, trail)
}

/** Asks again with ids that nobody has in place of another organization's: the answers are the same, byte for byte. */
async function tellsApart(
  world: World,
  asking: Asking,
  reply: Reply,
): Promise<{ got: string; wanted: string } | undefined> {
  if (reply.answer !== 'notThere') return undefined
  const { caller, input, actor } = asking
  const swapped = Object.fromEntries(
    Object.entries(input).map(([field, value]) => [
      field,
      isForeign(world.model, caller, actor, value) ? ghost(String(value).split('_')[0] as string) : value,
    ]),
  )
  if (isDeepStrictEqual(swapped, input)) return undefined
  const again = await askOnce(world, { ...asking, input: swapped })
  const plain = ({ status, headers, text }: Reply) =>
    `${status}\n${headers}\n${text}`.replaceAll(/request-\d+/g, 'request')
  return plain(again) === plain(reply) ? undefined : { got: plain(reply), wanted: plain(again) }
}

function isForeign(model: Model, caller: Caller, actor: Actor | Answer, value: unknown): boolean {
  const id = value as string
  // A platform key lists every organization, so that one is there is no news to it.
  const isPlatform = caller.kind === 'key' && model.keys.get(caller.keyId)?.role === 'platform'
  if (isPlatform && model.organizations.has(id)) return false
  const things = [model.assets, model.members, model.teams, model.keys, model.uploads] as Map<
    string,
    { organizationId: string | null }
  >[]
  const holder = model.organizations.has(id) ? id : things.map((all) => all.get(id)?.organizationId).find(Boolean)
  const home = typeof actor === 'string' ? homeOf(model, caller) : actor.organizationId
  return holder !== undefined && holder !== home
}

function homeOf(model: Model, caller: Caller): string | null | undefined {
  return caller.kind === 'key' ? model.keys.get(caller.keyId)?.organizationId : undefined
}

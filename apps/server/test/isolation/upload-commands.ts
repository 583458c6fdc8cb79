import {
  allowed,
  type Chooser,
  type Command,
  type Commands,
  type Expected,
  type Input,
  near,
  refused,
} from './command.ts'
import {
  type Actor,
  type Caller,
  isAtLeast,
  type Model,
  mayPublish,
  mayTry,
  rulesOf,
  sees,
  type Upload,
  type Visibility,
} from './model.ts'

const visibilities = ['private', 'organization', 'public'] as const
const strategies = ['single-put', 'post-policy', 'multipart'] as const

/** A command about one upload under way: its maker's and the admins'; for everybody else it is not there. */
function about(
  input: (chooser: Chooser) => Input,
  expect: (model: Model, upload: Upload, input: Input, actor: Actor) => Expected,
): Command {
  return {
    input: (chooser, model, caller) => ({
      uploadId: chooser.id('upl', near(chooser, model, caller, model.uploads)),
      ...input(chooser),
    }),
    expect: (model, actor, given) => {
      const upload = model.uploads.get(given['uploadId'] as string)
      return upload && reaches(actor, upload) ? expect(model, upload, given, actor) : refused('notThere')
    },
  }
}

export function reaches(actor: Actor, upload: Upload): boolean {
  return upload.organizationId === actor.organizationId && (upload.maker.id === actor.id || isAtLeast(actor, 'admin'))
}

/** Bytes arrive here by tus alone: those that a signed URL takes, and what becomes of them, are tested elsewhere. */
export const uploadCommands = {
  'uploads.create': {
    input: (chooser, model, caller) => ({
      name: 'note.txt',
      sizeBytes: 20,
      strategy: chooser.pick(strategies),
      ...saidOfAsset(chooser, model, caller),
    }),
    expect: (model, actor, input) => {
      const answer = mayMake(model, actor, input)
      if (answer !== 'allowed') return refused(answer)
      const strategy = input['strategy'] as string
      return allowed({
        shows: (body) => ({ got: [body.state, body.strategy], wanted: ['open', strategy] }),
        after: ({ id }) => void model.uploads.set(id, newUpload(id, actor, strategy, input, '')),
      })
    },
  },
  'uploads.get': about(
    (chooser) => (chooser.once(2) ? { tus: true } : {}),
    (model, upload, { tus }, actor) => (tus ? offsetOf(upload) : recordOf(model, upload, actor)),
  ),
  'uploads.signParts': about(
    () => ({ numbers: [1] }),
    (_model, { strategy }) => (strategy === 'multipart' ? allowed() : refused('conflict')),
  ),
  'uploads.parts': about(
    () => ({}),
    (_model, { receivedBytes }) =>
      allowed({
        shows: ({ items }) => ({
          got: items.reduce((sum: number, { sizeBytes }: { sizeBytes: number }) => sum + sizeBytes, 0),
          wanted: receivedBytes,
        }),
      }),
  ),
  'uploads.complete': about(
    () => ({}),
    () => refused('conflict'),
  ),
  'uploads.cancel': about(
    (chooser) => (chooser.once(2) ? { tus: true } : {}),
    (model, { id }) => allowed({ after: () => void model.uploads.delete(id) }),
  ),
} satisfies Commands

function recordOf(model: Model, { id, state, receivedBytes, assetId }: Upload, actor: Actor): Expected {
  const asset = model.assets.get(assetId ?? '')
  const shown = asset && sees(actor, asset) ? asset.id : undefined
  return allowed({
    shows: (body) => ({
      got: [body.id, body.state, body.receivedBytes ?? 0, body.asset?.id],
      wanted: [id, state, receivedBytes, shown],
    }),
  })
}

function offsetOf({ strategy, refusal, receivedBytes, assetId }: Upload): Expected {
  if (strategy !== 'resumable') return refused('notThere')
  if (refusal) return { answer: refusal, isSilent: true }
  return allowed({ shows: (body) => ({ got: [body.offset, body.assetId], wanted: [receivedBytes, assetId] }) })
}

export function newUpload(id: string, maker: Actor, strategy: string, fields: Input, content: string): Upload {
  const { organizationId } = maker
  const begun = { receivedBytes: 0, state: 'open', assetId: null, refusal: undefined } as const
  return { id, organizationId, maker, strategy, fields, content, ...begun }
}

/** Fields of a new asset, or the one that gets a new version. */
export function saidOfAsset(chooser: Chooser, model: Model, caller: Caller): Input {
  // What is said of an asset is refused of a new version, whoever says it.
  if (chooser.once(3)) return { assetId: someAsset(chooser, model, caller) }
  return {
    ...(chooser.once(3) && { visibility: chooser.pick(visibilities) }),
    ...(chooser.once(3) && { assetType: chooser.pick(['document_upload', 'custom_a', 'custom_b']) }),
  }
}

function someAsset(chooser: Chooser, model: Model, caller: Caller): string {
  return chooser.id('ast', near(chooser, model, caller, model.assets))
}

/** Asked of whoever begins an upload, and of its maker again when it ends. */
export function mayMake(model: Model, maker: Actor, fields: Input) {
  if (!mayTry(maker, 'assets.create')) return 'forbidden'
  return fields['assetId'] === undefined ? maybeAsset(model, maker, fields) : maybeVersion(model, maker, fields)
}

function maybeAsset(model: Model, actor: Actor, input: Input) {
  const assetType = (input['assetType'] ?? 'document_upload') as string
  if (!rulesOf(model, actor.organizationId, assetType)) return 'notThere'
  const isPublic = visibilityOf(model, actor, input) === 'public'
  return isPublic && !mayPublish(model, actor, assetType) ? 'forbidden' : 'allowed'
}

export function visibilityOf(model: Model, { organizationId }: Actor, input: Input): Visibility {
  const rules = rulesOf(model, organizationId, (input['assetType'] ?? 'document_upload') as string)
  const byDefault = rules?.defaultVisibility ?? model.organizations.get(organizationId)?.defaultVisibility
  return (input['visibility'] ?? byDefault) as Visibility
}

function maybeVersion(model: Model, actor: Actor, input: Input) {
  if (!mayTry(actor, 'assets.edit')) return 'forbidden'
  const asset = model.assets.get(input['assetId'] as string)
  if (!asset || !sees(actor, asset)) return 'notThere'
  if (asset.state === 'trashed') return 'conflict'
  return rulesOf(model, actor.organizationId, asset.assetType) ? 'allowed' : 'notThere'
}

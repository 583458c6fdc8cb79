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
  expect: (model: Model, upload: Upload, input: Input) => Expected,
): Command {
  return {
    input: (chooser, model, caller) => ({
      uploadId: chooser.id('upl', near(chooser, model, caller, model.uploads)),
      ...input(chooser),
    }),
    expect: (model, actor, given) => {
      const upload = model.uploads.get(given['uploadId'] as string)
      return upload && reaches(actor, upload) ? expect(model, upload, given) : refused('notThere')
    },
  }
}

export function reaches(actor: Actor, upload: Upload): boolean {
  return upload.organizationId === actor.organizationId && (upload.makerId === actor.id || isAtLeast(actor, 'admin'))
}

/** Bytes never arrive here: only a signed URL takes them, and what becomes of them is tested elsewhere. */
export const uploadCommands = {
  'uploads.create': {
    input: (chooser, model, caller) => ({
      name: 'note.txt',
      sizeBytes: 20,
      strategy: chooser.pick(strategies),
      ...(chooser.once(3) && { assetId: someAsset(chooser, model, caller) }),
      ...(chooser.once(3) && { visibility: chooser.pick(visibilities) }),
      ...(chooser.once(3) && { assetType: chooser.pick(['document_upload', 'custom_a', 'custom_b']) }),
    }),
    expect: (model, actor, input) => {
      const answer =
        input['assetId'] === undefined ? maybeAsset(model, actor, input) : maybeVersion(model, actor, input)
      if (answer !== 'allowed') return refused(answer)
      const { organizationId, id: makerId } = actor
      return allowed({
        shows: (body) => ({ got: [body.state, body.strategy], wanted: ['open', input['strategy']] }),
        after: ({ id }) =>
          void model.uploads.set(id, { id, organizationId, makerId, strategy: input['strategy'] as string }),
      })
    },
  },
  'uploads.get': about(
    () => ({}),
    (_model, { id }) => allowed({ shows: (body) => ({ got: [body.id, body.state], wanted: [id, 'open'] }) }),
  ),
  'uploads.signParts': about(
    () => ({ numbers: [1] }),
    (_model, { strategy }) => (strategy === 'multipart' ? allowed() : refused('conflict')),
  ),
  'uploads.parts': about(
    () => ({}),
    () => allowed({ shows: ({ items }) => ({ got: items, wanted: [] }) }),
  ),
  'uploads.complete': about(
    () => ({}),
    () => refused('conflict'),
  ),
  'uploads.cancel': about(
    () => ({}),
    (model, { id }) => allowed({ after: () => void model.uploads.delete(id) }),
  ),
} satisfies Commands

function someAsset(chooser: Chooser, model: Model, caller: Caller): string {
  return chooser.id('ast', near(chooser, model, caller, model.assets))
}

function maybeAsset(model: Model, actor: Actor, input: Input) {
  const assetType = (input['assetType'] ?? 'document_upload') as string
  const rules = rulesOf(model, actor.organizationId, assetType)
  if (!rules) return 'notThere'
  const byDefault = rules.defaultVisibility ?? model.organizations.get(actor.organizationId)?.defaultVisibility
  const visibility = (input['visibility'] ?? byDefault) as Visibility
  return visibility === 'public' && !mayPublish(model, actor, assetType) ? 'forbidden' : 'allowed'
}

function maybeVersion(model: Model, actor: Actor, input: Input) {
  if (!mayTry(actor, 'assets.edit')) return 'forbidden'
  const asset = model.assets.get(input['assetId'] as string)
  if (!asset || !sees(actor, asset)) return 'notThere'
  if (asset.state === 'trashed') return 'conflict'
  return rulesOf(model, actor.organizationId, asset.assetType) ? 'allowed' : 'notThere'
}

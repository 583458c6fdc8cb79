import {
  allowed,
  type Chooser,
  type Command,
  type Commands,
  type Expected,
  type Input,
  near,
  refused,
  sameIds,
} from './command.ts'
import {
  type Actor,
  type Asset,
  type Caller,
  isAtLeast,
  type Model,
  manages,
  mayPublish,
  mayTry,
  ownWork,
  rulesOf,
  sees,
  type Visibility,
} from './model.ts'

const visibilities = ['private', 'organization', 'public'] as const
/** Some fit beside their rows, the others go to the store; few enough that many assets hold the same bytes. */
export const contents = ['one', 'two', 'three', 'four'].flatMap((word) => [`${word}\n`, `${word} `.repeat(40)])

const someAsset = (chooser: Chooser, model: Model, caller: Caller) =>
  chooser.id('ast', near(chooser, model, caller, model.assets))
const someVersion = (chooser: Chooser) => chooser.pick([1, 1, 2, 3])

/** A command about one asset, expected as `expect` says where the caller sees it; else it is not there. */
function about(
  input: (chooser: Chooser) => Input,
  expect: (model: Model, actor: Actor, asset: Asset, input: Input) => Expected,
): Command {
  return {
    input: (chooser, model, caller) => ({ assetId: someAsset(chooser, model, caller), ...input(chooser) }),
    expect: (model, actor, given) => {
      const asset = model.assets.get(given['assetId'] as string)
      return asset && sees(actor, asset) ? expect(model, actor, asset, given) : refused('notThere')
    },
  }
}

/** The same, for what is the owner's and the admins' to do. */
function managing(
  input: (chooser: Chooser) => Input,
  expect: (model: Model, actor: Actor, asset: Asset, input: Input) => Expected,
): Command {
  return about(input, (model, actor, asset, given) =>
    manages(actor, asset) ? expect(model, actor, asset, given) : refused('forbidden'),
  )
}

const assetCommands = {
  'assets.create': {
    input: (chooser) => ({
      name: 'note.txt',
      content: chooser.pick(contents),
      generated: chooser.once(4),
      ...(chooser.once(2) && { visibility: chooser.pick(visibilities) }),
      ...(chooser.once(2) && { assetType: chooser.pick(['document_upload', 'custom_a', 'custom_b']) }),
    }),
    expect: (model, actor, input) => {
      const assetType = (input['assetType'] ?? 'document_upload') as string
      const rules = rulesOf(model, actor.organizationId, assetType)
      if (!rules) return refused('notThere')
      const byDefault = rules.defaultVisibility ?? model.organizations.get(actor.organizationId)?.defaultVisibility
      const visibility = (input['visibility'] ?? byDefault) as Visibility
      if (visibility === 'public' && !mayPublish(model, actor, assetType)) return refused('forbidden')
      const ownerId = input['generated'] || actor.isPlatform ? null : actor.id
      return allowed({
        shows: (body) => ({ got: [body.visibility, body.ownerId], wanted: [visibility, ownerId] }),
        after: ({ id }) => void model.assets.set(id, newAsset(id, actor, { ownerId, visibility, assetType }, input)),
      })
    },
  },
  'assets.list': {
    paged: true,
    input: (chooser) => ({
      limit: chooser.pick([5, 200]),
      state: chooser.pick(['active', 'active', 'archived', 'trashed']),
      ...(chooser.once(4) && { owner: chooser.pick(['me', 'none']) }),
      ...(chooser.once(4) && { visibility: chooser.pick(visibilities) }),
    }),
    expect: (model, actor, { state, owner, visibility }) => {
      const ownerId = owner === 'me' ? actor.id : null
      const found = [...model.assets.values()].filter(
        (asset) =>
          sees(actor, asset) &&
          asset.state === state &&
          (owner === undefined || asset.ownerId === ownerId) &&
          (visibility === undefined || asset.visibility === visibility),
      )
      return allowed({ shows: sameIds(found) })
    },
  },
  'assets.get': about(
    () => ({}),
    (_model, actor, asset) => {
      const { id, organizationId, visibility, state, ownerId, current } = asset
      const wanted = {
        id,
        organizationId,
        visibility,
        state,
        ownerId,
        version: current,
        copies: isAtLeast(actor, 'admin'),
      }
      return allowed({
        shows: (body) => ({
          got: Object.fromEntries(
            Object.keys(wanted).map((field) => [field, field === 'copies' ? body.copies !== undefined : body[field]]),
          ),
          wanted,
        }),
      })
    },
  ),
  'assets.update': about(
    (chooser) => ({
      name: 'renamed.txt',
      ...(chooser.once(3) && { visibility: chooser.pick(visibilities) }),
      ...(chooser.once(4) && { state: chooser.pick(['active', 'archived']) }),
    }),
    (model, actor, asset, { visibility, state }) => {
      if (asset.state === 'trashed') return refused('conflict')
      if ((visibility !== undefined || state !== undefined) && !manages(actor, asset)) return refused('forbidden')
      const publishes = visibility === 'public' && asset.visibility !== 'public'
      if (publishes && !mayPublish(model, actor, asset.assetType)) return refused('forbidden')
      const changes = { ...(visibility !== undefined && { visibility }), ...(state !== undefined && { state }) }
      return allowed({ after: () => void Object.assign(asset, changes) })
    },
  ),
  'assets.delete': managing(
    (chooser) => ({ purge: chooser.pick(['true', 'false', 'false']) }),
    (model, _actor, asset, { purge }) =>
      allowed({
        after: () => {
          if (purge === 'true') model.assets.delete(asset.id)
          else if (asset.state !== 'trashed') Object.assign(asset, { stateBefore: asset.state, state: 'trashed' })
        },
      }),
  ),
  'assets.restore': managing(
    () => ({}),
    (_model, _actor, asset) =>
      asset.state === 'trashed'
        ? allowed({ after: () => void Object.assign(asset, { state: asset.stateBefore }) })
        : refused('conflict'),
  ),
  'assets.content': {
    input: (chooser, model, caller) => ({
      assetId: caller.kind === 'link' ? caller.link.assetId : someAsset(chooser, model, caller),
      ...(caller.kind !== 'link' && chooser.once(4) && { version: someVersion(chooser) }),
    }),
    expect: (model, actor, { assetId, version }) => {
      const asset = model.assets.get(assetId as string)
      const text = asset?.versions.get((version as number | undefined) ?? asset.current)
      if (!asset || !sees(actor, asset) || text === undefined) return refused('notThere')
      if (asset.state === 'trashed') return refused('conflict')
      return allowed({ shows: (body) => ({ got: body, wanted: text }) })
    },
  },
} satisfies Commands

export function newAsset(
  id: string,
  { organizationId }: Actor,
  what: Pick<Asset, 'ownerId' | 'visibility' | 'assetType'>,
  input: Input,
): Asset {
  const versions = new Map([[1, input['content'] as string]])
  const first = { current: 1, lastVersion: 1, urlEpoch: 0, state: 'active', stateBefore: 'active' } as const
  return { id, organizationId, ...what, ...first, versions, variants: new Map() }
}

export function addVersion(asset: Asset, content: string): void {
  asset.lastVersion += 1
  asset.current = asset.lastVersion
  asset.versions.set(asset.current, content)
}

function repeatVersion(asset: Asset, n: number): void {
  addVersion(asset, asset.versions.get(n) as string)
  for (const name of variantNames) {
    const attached = asset.variants.get(`${n} ${name}`)
    if (attached !== undefined) asset.variants.set(`${asset.current} ${name}`, attached)
  }
}

/** Nothing is read in this service; whether it may be asked for is the matrix's. */
const whatIsRead = about(
  () => ({}),
  (_model, _actor, asset) => (asset.state === 'trashed' ? refused('conflict') : allowed()),
)

const versionCommands = {
  'versions.create': about(
    (chooser) => ({ content: chooser.pick(contents) }),
    (model, actor, asset, { content }) => {
      if (asset.state === 'trashed') return refused('conflict')
      if (!rulesOf(model, actor.organizationId, asset.assetType)) return refused('notThere')
      return allowed({ after: () => addVersion(asset, content as string) })
    },
  ),
  'versions.list': {
    paged: true,
    ...about(
      (chooser) => ({ limit: chooser.pick([1, 200]) }),
      (_model, _actor, asset) => {
        const wanted = [...asset.versions.keys()].sort((a, b) => b - a)
        const got = (items: { version: number }[]) => items.map(({ version }) => version)
        return allowed({ shows: ({ items }) => ({ got: got(items), wanted }) })
      },
    ),
  },
  'assets.text': whatIsRead,
  'assets.rows': whatIsRead,
  'assets.metadata': whatIsRead,
  'assets.findings': whatIsRead,
  'steps.list': about(
    () => ({}),
    () => allowed(),
  ),
  'steps.retry': about(
    (chooser) => ({ step: 'prune', version: someVersion(chooser) }),
    (_model, _actor, asset, { version }) => (asset.versions.has(version as number) ? allowed() : refused('notThere')),
  ),
  'versions.get': about(
    (chooser) => ({ version: someVersion(chooser) }),
    (_model, _actor, asset, { version }) => (asset.versions.has(version as number) ? allowed() : refused('notThere')),
  ),
  'versions.compare': about(
    (chooser) => ({ version: someVersion(chooser), with: someVersion(chooser) }),
    (_model, _actor, asset, input) => {
      const [one, other] = [input['version'], input['with']].map((n) => asset.versions.get(n as number))
      if (one === undefined || other === undefined) return refused('notThere')
      return allowed({ shows: ({ sameContent }) => ({ got: sameContent, wanted: one === other }) })
    },
  ),
  'versions.makeCurrent': about(
    (chooser) => ({ version: someVersion(chooser) }),
    (_model, _actor, asset, { version }) => {
      if (asset.state === 'trashed') return refused('conflict')
      const content = asset.versions.get(version as number)
      if (content === undefined) return refused('notThere')
      return allowed({ after: () => (version === asset.current ? undefined : repeatVersion(asset, version as number)) })
    },
  ),
  'versions.prune': managing(
    (chooser) => ({ keepLast: chooser.pick([1, 2]), dryRun: chooser.once(3) }),
    (_model, _actor, asset, { keepLast, dryRun }) => {
      const numbers = [...asset.versions.keys()].sort((a, b) => a - b)
      const kept = new Set([asset.current, ...numbers.slice(-(keepLast as number))])
      const wanted = numbers.filter((n) => !kept.has(n))
      return allowed({
        shows: ({ removed }) => ({ got: removed, wanted }),
        after: () => {
          if (!dryRun) for (const n of wanted) asset.versions.delete(n)
        },
      })
    },
  ),
} satisfies Commands

const variantNames = ['sidecar', 'clip']

/** About a variant of a version that is there. */
function ofVariant(
  input: (chooser: Chooser) => Input,
  expect: (asset: Asset, key: string, input: Input) => Expected,
  { changes }: { changes: boolean } = { changes: true },
): Command {
  return about(
    (chooser) => ({
      name: chooser.pick(variantNames),
      ...(chooser.once(3) && { version: someVersion(chooser) }),
      ...input(chooser),
    }),
    (_model, _actor, asset, given) => {
      const n = (given['version'] as number | undefined) ?? asset.current
      const isThere = asset.versions.has(n)
      if (asset.state === 'trashed' && (isThere || changes)) return refused('conflict')
      return isThere ? expect(asset, `${n} ${given['name']}`, given) : refused('notThere')
    },
  )
}

const variantCommands = {
  'variants.attach': ofVariant(
    (chooser) => ({ content: chooser.pick(contents) }),
    (asset, key, { content }) => allowed({ after: () => void asset.variants.set(key, content as string) }),
  ),
  'variants.content': ofVariant(
    () => ({}),
    (asset, key) => {
      const wanted = asset.variants.get(key)
      return wanted === undefined ? refused('notThere') : allowed({ shows: (got) => ({ got, wanted }) })
    },
    { changes: false },
  ),
  'variants.delete': ofVariant(
    () => ({}),
    (asset, key) => {
      if (!asset.variants.has(key)) return refused('notThere')
      return allowed({ after: () => void asset.variants.delete(key) })
    },
  ),
  'variants.list': about(
    () => ({}),
    (_model, _actor, asset) => {
      const wanted = variantNames.filter((name) => asset.variants.has(`${asset.current} ${name}`)).sort()
      const got = (items: { name: string; attached: boolean }[]) =>
        items.flatMap(({ name, attached }) => (attached ? [name] : []))
      return allowed({ shows: ({ items }) => ({ got: got(items), wanted }) })
    },
  ),
} satisfies Commands

const makeLink = about(
  (chooser) => ({ expiresInSeconds: 3600, ...(chooser.once(6) && { maxDownloads: 1000 }) }),
  (model, actor, asset) => {
    if (!manages(actor, asset)) return refused('forbidden')
    if (asset.state === 'trashed') return refused('conflict')
    const maker = { kind: actor.standsFor as 'member' | 'key', id: actor.id as string }
    const { id: assetId, organizationId, urlEpoch: epoch } = asset
    return allowed({ after: ({ url }) => void model.links.push({ url, assetId, organizationId, maker, epoch }) })
  },
)

const linkCommands = {
  'signedUrls.create': {
    ...makeLink,
    // Nobody hands on what they may not do themselves.
    expect: (model, actor, input) =>
      mayTry(actor, 'assets.read') ? makeLink.expect(model, actor, input) : refused('forbidden'),
  },
  'signedUrls.revoke': managing(
    () => ({}),
    (_model, _actor, asset) =>
      allowed({
        after: () => {
          asset.urlEpoch += 1
        },
      }),
  ),
} satisfies Commands

const TRAIL_PAGE = 100

const auditCommands = {
  'auditEvents.list': {
    input: () => ({ limit: TRAIL_PAGE }),
    expect: (model, actor) => {
      const wanted = (model.trails.get(actor.organizationId) ?? []).slice(-TRAIL_PAGE).reverse()
      const got = (items: { requestId: string; action: string; subject: string | null }[]) =>
        items.map(({ requestId, action, subject }) =>
          requestId.startsWith('request-') ? requestId : ownWork(action, subject ?? ''),
        )
      return allowed({ shows: ({ items }) => ({ got: got(items), wanted }) })
    },
  },
  'auditEvents.verify': {
    input: () => ({}),
    expect: (model, actor) => {
      const wanted = { intact: true, unsealed: model.trails.get(actor.organizationId)?.length ?? 0 }
      return allowed({ shows: ({ intact, unsealed }) => ({ got: { intact, unsealed }, wanted }) })
    },
  },
} satisfies Commands

export const commandsAboutAssets = {
  ...assetCommands,
  ...versionCommands,
  ...variantCommands,
  ...linkCommands,
  ...auditCommands,
}

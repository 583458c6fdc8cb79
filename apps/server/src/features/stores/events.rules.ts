import { assetNameProblems } from '../../domain/asset-name.ts'
import { isNewer, type StoreEvent } from '../../domain/store-event.ts'

/** What is remembered of a key. */
export interface Remembered {
  kind: string
  at: Date
  sequencer: string | null
  /** An incident was raised for it. */
  suspected: boolean
}

export interface KnownCopy {
  state: string
  stored_bytes: number | null
  created_at: Date
}

type Heard = Pick<StoreEvent, 'kind' | 'at' | 'order' | 'sizeBytes'>

/** Longer than an upload takes, and than two clocks differ: what is written later than that is not our own write. */
const OWN_WRITE_MS = 24 * 3600 * 1000

/** How an event stands to what is remembered of its key. */
export function orderOf(event: Heard, known: Remembered | undefined): 'newer' | 'older' | 'repeated' {
  if (!known) return 'newer'
  const before = { at: known.at, order: known.sequencer ?? undefined }
  if (isNewer(event, before)) return 'newer'
  return isNewer(before, event) ? 'older' : 'repeated'
}

/**
 * Whether an event at the key of one of our copies is something that we did not do ourselves. A key is written once and
 * removed once, after its copy was released: a live copy's removal is not ours, and neither is a second write of it, one
 * of another size, or one long after the upload. What is only suspected is found out by reading the copy.
 */
export function suspicionOf(
  event: Heard,
  copy: KnownCopy,
  known: Remembered | undefined,
): 'vanished' | 'changed' | undefined {
  const order = orderOf(event, known)
  if (copy.state !== 'live' || order === 'repeated') return undefined
  if (order === 'older') return known?.kind === 'created' && !known.suspected ? 'changed' : undefined
  if (event.kind === 'removed') return 'vanished'
  const otherSize = event.sizeBytes !== undefined && event.sizeBytes !== copy.stored_bytes
  const late = event.at.getTime() > copy.created_at.getTime() + OWN_WRITE_MS
  return known || otherSize || late ? 'changed' : undefined
}

export interface InboxPlace {
  slug: string
  folder: string | undefined
  name: string
}

/** Where an object in the inbox belongs: `{inbox}{organization}/{folders}/{name}`. Undefined where that says nothing. */
export function inboxPlace(inbox: string, key: string): InboxPlace | undefined {
  if (!key.startsWith(inbox)) return undefined
  const [slug = '', ...path] = key.slice(inbox.length).split('/')
  const name = path.pop()
  // A key that ends with a slash is how some programs show an empty folder.
  if (slug === '' || !name) return undefined
  return { slug, folder: path.length > 0 ? path.join('/') : undefined, name }
}

/** What is wrong with the folder, which is made of names; the name itself is checked like every upload's. */
export function folderProblem({ folder }: InboxPlace): string | undefined {
  const problems = (folder?.split('/') ?? []).flatMap((segment) => assetNameProblems(segment))
  return problems[0]?.message
}

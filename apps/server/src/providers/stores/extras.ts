import { type CallOptions, type StoreCapabilities, StoreError, type StoreExtras } from './port.ts'

const VERBS = [
  'copy',
  'presignGet',
  'presignPut',
  'presignPost',
  'startParts',
  'presignPart',
  'listParts',
  'completeParts',
  'setStorageClass',
  'setHold',
  'setRetention',
] as const satisfies readonly (keyof StoreExtras)[]

export type ExtraVerb = (typeof VERBS)[number]

type Extra = (key: string, options: CallOptions) => Promise<never>

/** A store that has nothing beyond the port's MUSTs. */
export const NO_CAPABILITIES: StoreCapabilities = {
  ownDisk: false,
  conditionalCreate: true,
  presignedGet: false,
  presignedPut: false,
  presignedPost: false,
  presignedParts: false,
  serverCopy: false,
  storageClasses: [],
  objectLock: false,
  metadata: false,
}

/** The operations of a store that has none of them. */
export const noExtras: StoreExtras = extrasOf((verb) => async () => {
  throw new StoreError('unsupported', `This store has no ${verb}`)
})

/** The operations of the store inside, each with something around it. */
export function aroundExtras(
  inner: StoreExtras,
  around: <T>(
    verb: ExtraVerb,
    key: string,
    options: CallOptions,
    work: (options: CallOptions) => Promise<T>,
  ) => Promise<T>,
): StoreExtras {
  return extrasOf((verb) => (key, options) => around(verb, key, options, (given) => (inner[verb] as Extra)(key, given)))
}

function extrasOf(make: (verb: ExtraVerb) => Extra): StoreExtras {
  return Object.fromEntries(VERBS.map((verb) => [verb, make(verb)])) as unknown as StoreExtras
}

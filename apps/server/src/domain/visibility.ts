const names = ['private', 'organization', 'public'] as const
export type Visibility = (typeof names)[number]

/** Visibility as the database keeps it, so that policies compare numbers: private 0, organization 1, public 2. */
export function visibilityRank(name: Visibility): number {
  return names.indexOf(name)
}

export function visibilityName(rank: number): Visibility {
  const name = names[rank]
  if (name === undefined) throw new RangeError(`no visibility has rank ${rank}`)
  return name
}

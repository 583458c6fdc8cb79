import { z } from 'zod'

/** The kinds of thing that have an id, and the prefix each id carries. */
export const idPrefixes = {
  organization: 'org',
  member: 'usr',
  team: 'team',
  apiKey: 'key',
  asset: 'ast',
  upload: 'upl',
  copy: 'cpy',
  signedUrl: 'sig',
  auditEvent: 'evt',
  incident: 'inc',
  quarantine: 'qua',
  request: 'req',
} as const

export type IdKind = keyof typeof idPrefixes

/** A prefix and a time-ordered UUID in 26 base-32 characters, such as `ast_01jb2c…`. */
export function id(kind: IdKind) {
  return z
    .string()
    .regex(
      new RegExp(`^${idPrefixes[kind]}_[0-7][0-9a-hjkmnp-tv-z]{25}$`),
      `must be an id that starts with ${idPrefixes[kind]}_`,
    )
    .meta({ examples: [`${idPrefixes[kind]}_01jd8e2x5kf6g9h0a1b2c3d4e5`] })
}

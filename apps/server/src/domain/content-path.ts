/**
 * Where an asset's bytes are, as paths below the origin. Those for a CDN hold all that the answer depends on, so that a
 * network's cache key needs no query, and the two kinds lie apart, so that an edge can ask for a signature for one alone.
 * Whatever is below `/v1/assets/<id>/` belongs to that asset, for networks that purge by a wildcard.
 */
export type Disposition = 'inline' | 'attachment'

export function contentPath(assetId: string): string {
  return `/v1/assets/${assetId}/content`
}

/** A picture or file derived from the asset. */
export function variantPath(assetId: string, name: string): string {
  return `/v1/assets/${assetId}/variants/${name}`
}

/** One version of a public asset. What it answers never changes. */
export function publicPath(assetId: string, n: number | string, disposition: Disposition): string {
  const path = `/v1/assets/${assetId}/versions/${n}/content`
  return disposition === 'inline' ? `${path}/inline` : path
}

/**
 * One version for holders of a signed URL. The epoch keeps URLs that were revoked apart from later ones: what a later
 * one brought into a cache is not found under the address of an earlier one.
 */
export function signedPath(
  assetId: string,
  n: number | string,
  epoch: number | string,
  disposition: Disposition | ':disposition',
): string {
  return `/v1/assets/${assetId}/versions/${n}/signed/${epoch}/${disposition}`
}

/** Every path under which a CDN may have kept an asset's bytes. */
export function cachedPaths(assetId: string, lastN: number, epoch: number): string[] {
  const versions = Array.from({ length: lastN }, (_, before) => before + 1)
  const dispositions = ['inline', 'attachment'] as const
  return [
    contentPath(assetId),
    ...versions.flatMap((n) =>
      dispositions.flatMap((each) => [publicPath(assetId, n, each), signedPath(assetId, n, epoch, each)]),
    ),
  ]
}

/** What may be wrong with a store, in plain words, and what to do next. `{store}` is its name in the configuration. */
export const advice = {
  noCredentials: {
    problem: 'There are no credentials.',
    next: 'Give the store accessKeyId and secretAccessKey in STOWAGE_STORES, set the variables that the vendor’s own tools read, or run where an instance role is available.',
  },
  wrongKey: {
    problem: 'The server does not know the credentials.',
    next: 'Check that key and secret belong together, were copied whole, belong to this endpoint and have not been deactivated; on Azure also that the account’s firewall lets this machine in.',
  },
  expiredCredentials: {
    problem: 'The credentials have expired.',
    next: 'Get new session credentials, or let the service take a role that renews them.',
  },
  noBucket: {
    problem: 'There is no such bucket or container.',
    next: 'Make it with `stowage-server provision {store} --apply`, or correct its name.',
  },
  wrongRegion: {
    problem: 'The bucket lies in another region than configured.',
    next: 'Set the region that the message names (STOWAGE_REGION, or region in STOWAGE_STORES).',
  },
  wrongEndpoint: {
    problem: 'Nothing that speaks this store’s protocol answers at the endpoint.',
    next: 'Check scheme, host and port of the endpoint (STOWAGE_ENDPOINT, or endpoint in STOWAGE_STORES), the name service and the firewall.',
  },
  untrustedCertificate: {
    problem: 'The server’s TLS certificate is not trusted.',
    next: 'Use the name that the certificate is made out to, or give the issuer’s certificate in NODE_EXTRA_CA_CERTS.',
  },
  tlsOff: {
    problem: 'The store is spoken to without TLS: keys, URLs and bytes can be read on the way.',
    next: 'Use an https address for endpoint and publicEndpoint.',
  },
  clockSkew: {
    problem: 'The clock of this machine differs from the server’s.',
    next: 'Let the machine keep its time by NTP. Signatures are refused beyond 15 minutes, and expiry times are wrong before that.',
  },
  deniedList: {
    problem: 'The credentials may not list the bucket.',
    next: 'Allow listing (s3:ListBucket, storage.objects.list, or a data reader’s role). Where a server cannot refuse to overwrite, writing needs it too. `stowage-server iam {store}` prints the whole policy.',
  },
  deniedWrite: {
    problem: 'The credentials may not write.',
    next: 'Allow writing under staging/ and the layout’s prefixes. `stowage-server iam {store}` prints the whole policy. RadosGW 16 refuses every write while BlockPublicAcls is on: IgnorePublicAcls is enough there.',
  },
  deniedRead: {
    problem: 'The credentials may not read what they have written.',
    next: 'Allow reading (s3:GetObject, storage.objects.get), and look for a Deny in the bucket’s policy. `stowage-server iam {store}` prints the whole policy.',
  },
  deniedDelete: {
    problem: 'The credentials may not delete.',
    next: 'Allow deletion (with versions, s3:DeleteObjectVersion too). `stowage-server iam {store}` prints the whole policy.',
  },
  denied: {
    problem: 'The server refused the request.',
    next: 'Compare the credentials’ rights with those that `stowage-server iam {store}` prints.',
  },
  presignRefused: {
    problem: 'A signed URL was refused.',
    next: 'Check publicEndpoint (the host is signed), the clock, and whether a proxy changes the host or the query on the way.',
  },
  missingLooksDenied: {
    problem: 'A signed URL of an object that is not there is answered as if it were forbidden.',
    next: 'Allow listing the bucket: without it the server hides whether an object is there, and a missing one cannot be told from a forbidden one.',
  },
  publicUnreachable: {
    problem: 'The address in signed URLs cannot be reached from here.',
    next: 'Check publicEndpoint. If only callers elsewhere can reach it, test from there.',
  },
  corsMissing: {
    problem: 'The bucket does not let pages of the origin upload.',
    next: 'Run `stowage-server provision {store} --origin ORIGIN --apply`.',
  },
  corsHidesETag: {
    problem: 'Pages of the origin cannot see the ETag of the parts that they upload.',
    next: 'Expose ETag in the CORS rules: `stowage-server provision {store} --origin ORIGIN --apply`.',
  },
  publicBucket: {
    problem: 'Anybody can read the bucket without a signature.',
    next: 'Block public access: `stowage-server provision {store} --apply`. Then find out who has read what.',
  },
  versioningSuspended: {
    problem: 'Versioning is suspended: older versions stay and cost, and new deletions cannot be undone.',
    next: 'Switch it on again with `stowage-server provision {store} --versioning --apply`, or move to a bucket that never had it.',
  },
  corrupt: {
    problem: 'The bytes that came back are not those that were sent.',
    next: 'Do not use this store. Look for a proxy that changes bodies, or a failing disk.',
  },
  rangeIgnored: {
    problem: 'A part of an object cannot be read.',
    next: 'Look for a proxy that removes the Range header; downloads and previews need it.',
  },
  notListed: {
    problem: 'An object that was written does not appear in the list.',
    next: 'Use a server that lists what it has taken; the consistency check and the reaper rely on it.',
  },
  notDeleted: {
    problem: 'An object is still there after it was deleted.',
    next: 'Look for object lock, a hold or a cache in front of the store.',
  },
  full: {
    problem: 'There is no room left.',
    next: 'Raise the quota, add disks or remove what is not needed.',
  },
  throttled: {
    problem: 'The server asks for fewer requests.',
    next: 'Wait and repeat; if it goes on, ask for a higher rate or spread keys over more prefixes.',
  },
  unavailable: {
    problem: 'The server does not answer as it should.',
    next: 'Repeat in a minute, and look at the vendor’s status page or the server’s log.',
  },
  unsupported: {
    problem: 'The server does not know this operation.',
    next: 'Check that the kind of the store is right, and what its server can do.',
  },
} as const satisfies Record<string, { problem: string; next: string }>

/** A cause that one can do something about. */
export type Diagnosis = keyof typeof advice

/** The words for a diagnosis of a store. */
export function adviceFor(diagnosis: Diagnosis, storeId: string): { problem: string; next: string } {
  const { problem, next } = advice[diagnosis]
  return { problem, next: next.replaceAll('{store}', storeId) }
}

import { isDeepStrictEqual } from 'node:util'
import { type AccessDocument, type AccessNeeds, prefixesOf, type RoleOutcome, STAGING_PREFIX } from './admin.ts'
import { type GcsClient, send, sendForJson } from './gcs-client.ts'
import { StoreError } from './port.ts'

interface Binding {
  role: string
  members: string[]
  condition?: { title: string; description?: string; expression: string }
}

/** "Policy" of the JSON API; conditions need version 3. */
interface IamPolicy {
  version?: number
  etag?: string
  bindings?: Binding[]
}

const SERVICE = '<the service’s account>'
const OPERATOR = '<the operator’s account>'

/** Roles that Google defines; each binding names what it is for, by which it is found again. */
function serviceBindings(bucket: string, { layouts }: AccessNeeds, members: readonly string[]): Binding[] {
  const heads = [...layouts.flatMap(prefixesOf), STAGING_PREFIX].map((prefix) => prefix.replace(/\*.*$/, ''))
  // A prefix that begins with a value is any prefix.
  const limited = heads.includes('') ? [''] : [...new Set(heads)]
  const expression = limited
    .map((head) => `resource.name.startsWith("projects/_/buckets/${bucket}/objects/${head}")`)
    .join(' || ')
  return [
    { role: 'roles/storage.objectUser', members: [...members], condition: { title: 'stowage-objects', expression } },
    { role: 'roles/storage.legacyBucketReader', members: [...members] },
  ]
}

export function accessDocuments(bucket: string, needs: AccessNeeds): AccessDocument[] {
  const tenants = needs.layouts.filter(({ isolation }) => isolation.prefix !== '')
  return [
    {
      title: 'The service: bindings of the bucket',
      purpose: 'Objects under its layouts and staged ones, and lists; no right over the bucket itself.',
      document: { bindings: serviceBindings(bucket, needs, [SERVICE]) },
    },
    {
      title: 'Set-up: binding of the bucket’s project',
      purpose: 'For `stowage-server provision` and `posture`: the bucket’s settings.',
      document: { bindings: [{ role: 'roles/storage.admin', members: [OPERATOR] }] },
    },
    {
      title: 'Locks: permissions of a role of your own',
      purpose: 'For a person who lifts holds and retention, and for nobody else.',
      document: {
        includedPermissions: [
          'storage.objects.get',
          'storage.objects.list',
          'storage.objects.update',
          'storage.objects.overrideUnlockedRetention',
        ],
      },
    },
    {
      title: 'Signing without a key: binding of the service’s account to itself',
      purpose: 'Where the service has no key file: presigned URLs are then signed by Google for it.',
      document: { bindings: [{ role: 'roles/iam.serviceAccountTokenCreator', members: [SERVICE] }] },
    },
    ...tenants.map(({ name, isolation }) => ({
      title: `One ${isolation.scope}: boundary of a token (layout ${name})`,
      purpose: 'A token that is narrowed with it reaches these keys alone; put the value in the place of the braces.',
      document: boundary(bucket, isolation.prefix),
    })),
  ]
}

/** "Downscope with Credential Access Boundaries". */
function boundary(bucket: string, prefix: string): object {
  const expression = [prefix, `${STAGING_PREFIX}${prefix}`]
    .map((each) => `resource.name.startsWith('projects/_/buckets/${bucket}/objects/${each}')`)
    .join(' || ')
  return {
    accessBoundary: {
      accessBoundaryRules: [
        {
          availableResource: `//storage.googleapis.com/projects/_/buckets/${bucket}`,
          availablePermissions: ['inRole:roles/storage.objectUser'],
          availabilityCondition: { expression },
        },
      ],
    },
  }
}

/** Puts the service's bindings into the bucket's policy, beside those of others. */
export async function bindRoles(
  client: GcsClient,
  needs: AccessNeeds,
  members: readonly string[],
): Promise<RoleOutcome[]> {
  if (members.length === 0) {
    throw new StoreError(
      'unsupported',
      'Name the service’s account by --trust, such as serviceAccount:NAME@PROJECT.iam.gserviceaccount.com',
    )
  }
  const path = `/storage/v1/b/${encodeURIComponent(client.bucket)}/iam`
  const query = { optionsRequestedPolicyVersion: 3 }
  const live = await sendForJson<IamPolicy>(client, { method: 'GET', path, query, what: 'the bucket’s policy' })
  const wanted = serviceBindings(client.bucket, needs, members)
  const before = live.bindings ?? []
  const bindings = wanted.reduce(withBinding, before)
  const changed = !isDeepStrictEqual(bindings, before)
  if (changed) {
    // Its etag makes a change in between a refusal.
    const json = { ...live, version: 3, bindings }
    await send(client, { method: 'PUT', path, json, what: 'the bucket’s policy' })
  }
  return wanted.map(({ role }) => ({ role, name: role, outcome: changed ? 'updated' : 'already so' }))
}

function withBinding(bindings: readonly Binding[], wanted: Binding): Binding[] {
  const isSame = ({ role, condition }: Binding) => role === wanted.role && condition?.title === wanted.condition?.title
  const found = bindings.find(isSame)
  if (!found) return [...bindings, wanted]
  const members = [...new Set([...found.members, ...wanted.members])]
  return bindings.map((each) => (each === found ? { ...wanted, members } : each))
}

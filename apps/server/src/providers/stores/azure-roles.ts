import { type AccessDocument, type AccessNeeds, prefixesOf, STAGING_PREFIX } from './admin.ts'

const DATA = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'

/**
 * Role definitions and assignments. Conditions limit data actions to paths ("Azure role assignment conditions for Blob
 * Storage"); each is put into a command for people to run.
 */
export function accessDocuments(account: string, container: string, { layouts }: AccessNeeds): AccessDocument[] {
  const scope = `/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/${account}`
  const blobs = `${scope}/blobServices/default/containers/${container}`
  const paths = [...layouts.flatMap(prefixesOf), STAGING_PREFIX].map((prefix) => `${prefix}*`)
  return [
    {
      role: 'Stowage service',
      title: 'The service: role definition',
      purpose: 'Blobs of one container, and keys to sign URLs with; no right over the container or the account.',
      document: {
        Name: 'Stowage service',
        Actions: ['Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action'],
        DataActions: [
          `${DATA}/read`,
          `${DATA}/write`,
          `${DATA}/add/action`,
          `${DATA}/delete`,
          `${DATA}/deleteBlobVersion/action`,
        ],
        AssignableScopes: [scope],
      },
    },
    {
      title: 'The service: role assignment',
      purpose:
        'To the service’s managed identity, for these paths alone. Signing keys belong to the account: assign that action there.',
      document: assignment('Stowage service', blobs, pathCondition(paths)),
    },
    {
      title: 'Set-up: role assignment',
      purpose: 'For `stowage-server provision` and `posture`, and for the account’s settings.',
      document: assignment('Storage Account Contributor', scope),
    },
    {
      title: 'Locks: role definition',
      purpose: 'For a person who lifts legal holds and immutability, and for nobody else.',
      document: {
        Name: 'Stowage locks',
        Actions: [],
        DataActions: [`${DATA}/read`, `${DATA}/immutableStorage/runAsSuperUser/action`],
        AssignableScopes: [scope],
      },
    },
  ]
}

function assignment(role: string, scope: string, condition?: string): object {
  return {
    role,
    scope,
    'assignee-object-id': 'OBJECT_ID',
    ...(condition && { condition, 'condition-version': '2.0' }),
  }
}

function pathCondition(paths: readonly string[]): string {
  const actions = ['read', 'write', 'add/action', 'delete'].map((action) => `!(ActionMatches{'${DATA}/${action}'})`)
  const attribute = `@Resource[${DATA}:path]`
  const matches = paths.map((path) => `${attribute} StringLike '${path}'`)
  return `((${actions.join(' AND ')}) OR (${matches.join(' OR ')}))`
}

import { isDeepStrictEqual } from 'node:util'
import {
  CreateRoleCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  SimulatePrincipalPolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { AccessDocument, AccessNeeds, ExcessRights, RoleOutcome } from './admin.ts'
import { StoreError } from './port.ts'
import type { S3Place } from './s3-client.ts'
import { asked, isKind } from './s3-errors.ts'
import { accessDocuments, trustPolicy } from './s3-policies.ts'

const POLICY = 'stowage'

/** What the service never needs, and what a thief of its credentials would like. */
const TOO_MUCH = [
  's3:DeleteBucket',
  's3:PutBucketPolicy',
  's3:PutBucketPublicAccessBlock',
  's3:PutLifecycleConfiguration',
  's3:BypassGovernanceRetention',
]

export interface Identity {
  iam: IAMClient
  sts: STSClient
}

/** Clients for roles, with the store's own credentials. Servers other than Amazon's have them at the same address. */
export function openIdentity(place: S3Place): Identity {
  const { endpoint, region } = place.settings
  const { credentials, requestHandler } = place.own.send.config
  const shared = { region, credentials, requestHandler, maxAttempts: 3, ...(endpoint && { endpoint }) }
  return { iam: new IAMClient(shared), sts: new STSClient(shared) }
}

/** @throws StoreError `unsupported` where nobody is named and the server does not tell who is asking */
export async function createRoles(
  place: S3Place,
  identity: Identity,
  needs: AccessNeeds,
  trusted: readonly string[],
): Promise<RoleOutcome[]> {
  const principals = trusted.length > 0 ? trusted : [await accountOf(identity)]
  const outcomes: RoleOutcome[] = []
  for (const [role, documents] of byRole(accessDocuments(place.settings, needs))) {
    outcomes.push(await makeRole(identity, role, documents, principals))
  }
  return outcomes
}

function byRole(documents: readonly AccessDocument[]): Map<string, AccessDocument[]> {
  const roles = new Map<string, AccessDocument[]>()
  for (const each of documents) if (each.role) roles.set(each.role, [...(roles.get(each.role) ?? []), each])
  return roles
}

async function accountOf({ sts }: Identity): Promise<string> {
  try {
    const { Arn = '', Account } = await asked(undefined, () => sts.send(new GetCallerIdentityCommand({})))
    if (Account) return `arn:${Arn.split(':')[1]}:iam::${Account}:root`
  } catch (error) {
    if (!isKind(error, 'unsupported')) throw error
  }
  throw new StoreError('unsupported', 'The server does not say who is asking: name who may take the roles by --trust')
}

async function makeRole(
  { iam }: Identity,
  role: string,
  documents: readonly AccessDocument[],
  principals: readonly string[],
): Promise<RoleOutcome> {
  const trust = trustPolicy(principals, { tagged: role.endsWith('-tenant') })
  const first = documents[0]
  const send = <T>(work: () => Promise<T>) => asked(undefined, work)
  const existing = await orNone(send(() => iam.send(new GetRoleCommand({ RoleName: role }))))
  let name = existing?.Role?.Arn
  let changed = false
  if (!existing) {
    const request = { RoleName: role, AssumeRolePolicyDocument: JSON.stringify(trust), Description: first?.title }
    name = (await send(() => iam.send(new CreateRoleCommand(request)))).Role?.Arn
  } else if (!isSame(existing.Role?.AssumeRolePolicyDocument, trust)) {
    const request = { RoleName: role, PolicyDocument: JSON.stringify(trust) }
    await send(() => iam.send(new UpdateAssumeRolePolicyCommand(request)))
    changed = true
  }
  for (const [index, { document }] of documents.entries()) {
    const policy = { RoleName: role, PolicyName: index === 0 ? POLICY : `${POLICY}-${index + 1}` }
    const live = await orNone(send(() => iam.send(new GetRolePolicyCommand(policy))))
    if (isSame(live?.PolicyDocument, document)) continue
    try {
      const request = { ...policy, PolicyDocument: JSON.stringify(document) }
      await send(() => iam.send(new PutRolePolicyCommand(request)))
      changed = true
    } catch (error) {
      if (!isKind(error, 'unsupported')) throw error
      const reason = 'the server does not understand the policy, so the role may do nothing'
      return { role, name: name ?? role, outcome: 'cannot', reason }
    }
  }
  return { role, name: name ?? role, outcome: existing ? (changed ? 'updated' : 'already so') : 'created' }
}

async function orNone<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking
  } catch (error) {
    if (isKind(error, 'notFound')) return undefined
    throw error
  }
}

/** IAM gives documents back percent-encoded; a plain one is not changed by decoding, since ours hold no `%`. */
function isSame(live: string | undefined, wanted: object): boolean {
  if (live === undefined) return false
  try {
    return isDeepStrictEqual(JSON.parse(decodeURIComponent(live)), wanted)
  } catch {
    return false
  }
}

/** Asks the policy simulator about the one who is asking. */
export async function excessRights({ iam, sts }: Identity, bucketArn: string): Promise<ExcessRights> {
  try {
    const { Arn = '' } = await asked(undefined, () => sts.send(new GetCallerIdentityCommand({})))
    if (Arn.endsWith(':root')) return { known: true, rights: ['everything: these are the account’s own credentials'] }
    const request = {
      PolicySourceArn: principalArn(Arn),
      ActionNames: TOO_MUCH,
      ResourceArns: [bucketArn, `${bucketArn}/*`],
    }
    const { EvaluationResults = [] } = await asked(undefined, () =>
      iam.send(new SimulatePrincipalPolicyCommand(request)),
    )
    const allowed = EvaluationResults.filter(({ EvalDecision }) => EvalDecision === 'allowed')
    return { known: true, rights: [...new Set(allowed.map(({ EvalActionName = '' }) => EvalActionName))] }
  } catch (error) {
    const { message } = error as Error
    return { known: false, reason: isKind(error, 'denied') ? `it may not be asked: ${message}` : message }
  }
}

/** A session of a role has a name of its own; what it may do is the role's. */
function principalArn(caller: string): string {
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(caller)
  return session ? `arn:${session[1]}:iam::${session[2]}:role/${session[3]}` : caller
}

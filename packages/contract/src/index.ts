import type { z } from 'zod'
import type { Operation } from './operation.ts'
import { assetOperations } from './rooms/assets.ts'
import { auditOperations } from './rooms/audit.ts'
import { inspectionOperations } from './rooms/inspection.ts'
import { sharingOperations } from './rooms/sharing.ts'
import { storeOperations } from './rooms/stores.ts'
import { tenantOperations } from './rooms/tenants.ts'
import { uploadOperations } from './rooms/uploads.ts'
import { variantOperations } from './rooms/variants.ts'

/** Every operation of the API, by name. */
export const operations = {
  ...tenantOperations,
  ...assetOperations,
  ...sharingOperations,
  ...uploadOperations,
  ...inspectionOperations,
  ...variantOperations,
  ...auditOperations,
  ...storeOperations,
}
export type Operations = typeof operations
export type OperationName = keyof Operations

/** What a caller sends, before defaults are filled in. */
export type Input<Name extends OperationName> = z.input<Operations[Name]['input']>
/** What a handler receives. */
export type Parsed<Name extends OperationName> = z.output<Operations[Name]['input']>
export type Output<Name extends OperationName> = z.input<Operations[Name]['output']>

export function operationNames(): OperationName[] {
  return Object.keys(operations) as OperationName[]
}

export function getOperation(name: OperationName): Operation {
  return operations[name] as unknown as Operation
}

export { roles } from './fields.ts'
export { type IdKind, idPrefixes } from './ids.ts'
export { type Action, actions, fieldPlaces, type Method, type Operation } from './operation.ts'
export {
  commonProblems,
  type ProblemBody,
  type ProblemCode,
  type ProblemMembers,
  type ProblemRow,
  problemBody,
  problems,
} from './problems.ts'
export { generatedText, type UploadFields, uploadFields, writable } from './rooms/assets.ts'
export { assetTypeRules } from './rooms/tenants.ts'
export type { UploadRecord } from './rooms/uploads.ts'
export { madeVariants } from './rooms/variants.ts'

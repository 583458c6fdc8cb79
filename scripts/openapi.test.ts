import { Validator } from '@seriousme/openapi-schema-validator'
import { getOperation, operationNames } from '@stowage/contract'
import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../apps/server/src/doors/http/openapi.ts'

type Json = { [member: string]: unknown }
interface Parameter {
  name: string
  in: string
  required: boolean
  schema: Json
}
interface Described {
  operationId: string
  parameters: Parameter[]
  requestBody?: { content: Record<string, { schema: Json }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>
}

const document = openApiDocument()
const operations = Object.entries(document['paths'] as Record<string, Record<string, Described>>).flatMap(
  ([path, methods]) => Object.entries(methods).map(([method, described]) => ({ path, method, described })),
)

/** What OpenAPI 3.1.0, section 4.8, asks of a document, as far as this one uses it. */
describe('the OpenAPI document', () => {
  test('is valid by the schema that the OpenAPI Initiative publishes', async () => {
    const validator = new Validator()
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true })
    expect(validator.version).toBe('3.1')
    const broken = { ...structuredClone(document), info: { title: 'no version' } }
    expect((await new Validator().validate(broken)).valid).toBe(false)
  })

  test('has what its root and info must have', () => {
    expect(document['openapi']).toMatch(/^3\.1\.\d+$/)
    expect(document['info']).toMatchObject({ title: expect.any(String), version: expect.any(String) })
    // 4.8.6: `identifier` is an SPDX expression and excludes `url`.
    expect(document['info']).toHaveProperty('license.identifier', 'Apache-2.0')
    expect(document).not.toHaveProperty('info.license.url')
  })

  test('describes every operation of the contract once', () => {
    expect(operations.map(({ described }) => described.operationId).sort()).toEqual([...operationNames()].sort())
    for (const { path, method, described } of operations) {
      const row = getOperation(described.operationId as never)
      expect({ path, method: method.toUpperCase() }).toEqual({ path: row.path, method: row.method })
    }
  })

  test.each(operations.map(({ described, path }) => [described.operationId, path, described] as const))(
    '%s has each path parameter, required, and no parameter twice',
    (_name, path, { parameters }) => {
      const inPath = parameters.filter((parameter) => parameter.in === 'path')
      expect(inPath.map((each) => each.name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
      expect(inPath.every((each) => each.required)).toBe(true)
      const names = parameters.map((each) => `${each.in} ${each.name}`)
      expect(new Set(names).size).toBe(names.length)
      for (const each of parameters) {
        expect(['path', 'query', 'header']).toContain(each.in)
        expectSchema(each.schema)
      }
    },
  )

  test.each(operations.map(({ described }) => [described.operationId, described] as const))(
    '%s answers with described statuses and readable schemas',
    (_name, { requestBody, responses }) => {
      expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true)
      for (const [status, response] of Object.entries(responses)) {
        expect(status).toMatch(/^[1-5]\d\d$/)
        expect(response.description).not.toBe('')
        for (const { schema } of Object.values(response.content ?? {})) expectSchema(schema)
      }
      for (const { schema } of Object.values(requestBody?.content ?? {})) expectSchema(schema)
    },
  )
})

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']

/** A JSON Schema whose types are known, whose required members are described, and whose references resolve. */
function expectSchema(schema: Json): void {
  expect(schema).toBeTypeOf('object')
  const types = [schema['type'] ?? []].flat()
  for (const type of types) expect(TYPES).toContain(type)
  if (schema['$ref'] !== undefined) expect(resolve(schema['$ref'] as string)).toBeTypeOf('object')
  const properties = (schema['properties'] ?? {}) as Record<string, Json>
  expect(Object.keys(properties)).toEqual(expect.arrayContaining((schema['required'] as string[] | undefined) ?? []))
  const inner = [
    ...Object.values(properties),
    ...(['items', 'additionalProperties'] as const).map((name) => schema[name]),
    ...(['anyOf', 'oneOf', 'allOf'] as const).flatMap((name) => (schema[name] as Json[] | undefined) ?? []),
  ]
  for (const each of inner) if (typeof each === 'object' && each !== null) expectSchema(each as Json)
}

function resolve(reference: string): unknown {
  expect(reference).toMatch(/^#\//)
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, name) => (at as Json | undefined)?.[name], document)
}

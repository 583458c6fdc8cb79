import {
  commonProblems,
  fieldPlaces,
  getOperation,
  type Operation,
  operationNames,
  type ProblemCode,
  problems,
} from '@stowage/contract'
import { z } from 'zod'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document, made from the contract's rows. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {}
  for (const name of operationNames()) {
    const row = getOperation(name)
    paths[row.path] = { ...paths[row.path], [row.method.toLowerCase()]: describe(name, row) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stowage',
      version: '1',
      description: 'Keeps files safe for organizations, applications and agents.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a token' } },
      schemas: { Problem: problemSchema },
    },
  }
}

const problemSchema = {
  type: 'object',
  description: 'RFC 9457; `detail` says what to do next',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The request id' },
    code: { type: 'string', enum: Object.keys(problems) },
  },
}

function describe(name: string, row: Operation): Json {
  const { shape } = row.input
  const places = fieldPlaces(row)
  const parameter = (where: 'path' | 'query') => (field: string) => ({
    name: field,
    in: where,
    required: where === 'path' || !z.safeParse(shape[field] as z.ZodType, undefined).success,
    schema: schemaOf(shape[field] as z.ZodType, 'input'),
  })
  return {
    operationId: name,
    summary: row.summary,
    tags: [name.split('.')[0]],
    parameters: [...places.path.map(parameter('path')), ...places.query.map(parameter('query')), ...preconditions(row)],
    ...(bodyOf(row, places.body) && { requestBody: bodyOf(row, places.body) }),
    responses: { [row.status]: success(row), ...refusals(row) },
  }
}

function preconditions(row: Operation): Json[] {
  const headers = { idempotencyKey: 'Idempotency-Key', ifMatch: 'If-Match' }
  return row.preconditions.map((each) => ({
    name: headers[each],
    in: 'header',
    required: false,
    schema: { type: 'string' },
  }))
}

function bodyOf(row: Operation, fields: readonly string[]): Json | undefined {
  if (row.action === 'stores.report') {
    const schema = { type: 'object', description: 'As S3, SNS or EventBridge writes it' }
    return { required: true, content: { 'application/json': { schema } } }
  }
  if (row.bytes === 'in') {
    const file = { type: 'string', contentMediaType: 'application/octet-stream' }
    return {
      required: true,
      content: {
        'multipart/form-data': { schema: { type: 'object', required: ['file'], properties: { file } } },
        'application/octet-stream': { schema: file },
        ...(row.action === 'assets.create' && {
          'application/json': {
            schema: {
              type: 'object',
              required: ['content'],
              properties: { name: { type: 'string' }, content: { type: 'string' } },
            },
          },
        }),
      },
    }
  }
  if (fields.length === 0) return undefined
  const picked = row.input.pick(Object.fromEntries(fields.map((field) => [field, true])) as never)
  return { required: true, content: { 'application/json': { schema: schemaOf(picked, 'input') } } }
}

function success(row: Operation): Json {
  if (row.bytes === 'out') return { description: 'The bytes', content: { '*/*': { schema: { type: 'string' } } } }
  if (row.status === 204) return { description: 'Done' }
  return { description: 'Done', content: { 'application/json': { schema: schemaOf(row.output, 'output') } } }
}

function refusals(row: Operation): Json {
  const codes = [...new Set<ProblemCode>([...row.problems, ...commonProblems])]
  const byStatus = Map.groupBy(codes, (code) => problems[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.join(', '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return json as Json
}

import { fieldPlaces, getOperation, type OperationName, operationNames } from '@stowage/contract'
import type { z } from 'zod'
import { inText } from './html.ts'

/** A page that people read: every operation, its fields and its problems, from the contract's rows. No script. */
export function docsPage(): string {
  const rooms = Map.groupBy(operationNames(), (name) => name.split('.')[0] as string)
  const links = [...rooms.keys()].map((room) => `<a href="#${room}">${room}</a>`).join(' · ')
  const sections = [...rooms].map(([room, names]) => `<h2 id="${room}">${room}</h2>${names.map(describe).join('')}`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stowage API</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dbe3}code{background:#eef1f5;padding:.1em .3em;border-radius:3px}
article{margin:1.5rem 0}table{border-collapse:collapse;width:100%}td{padding:.2rem .6rem .2rem 0;vertical-align:top}small{color:#566}
</style></head><body><h1>Stowage API</h1>
<p>Send <code>Authorization: Bearer</code> with an API key or a token. Refusals are problems (RFC 9457) whose <code>detail</code> says what to do next.
The same as a document for machines: <a href="/openapi.json">/openapi.json</a>.</p><p>${links}</p>${sections.join('')}</body></html>`
}

function describe(name: OperationName): string {
  const row = getOperation(name)
  const places = fieldPlaces(row)
  const rows = (['path', 'query', 'body'] as const).flatMap((place) =>
    places[place].map((field) => {
      const schema = row.input.shape[field] as z.ZodType
      const optional = schema.safeParse(undefined).success ? 'optional' : ''
      return `<tr><td><code>${inText(field)}</code></td><td><small>${place} ${optional}</small></td><td>${inText(schema.description ?? '')}</td></tr>`
    }),
  )
  const problems = row.problems.map((code) => `<code>${code}</code>`).join(' ')
  return `<article id="${name}"><h3>${inText(row.summary)}</h3><p><code>${row.method} ${inText(row.path)}</code></p>
<table>${rows.join('')}</table>${problems && `<p><small>May refuse with ${problems}</small></p>`}</article>`
}

import { Parser } from 'htmlparser2'
import { tidyList, tidyText } from './fact-values.ts'

const maxChars = 1024 ** 2
const maxValues = 1000

/** What the description of an image says. */
export interface Described {
  title?: string
  author?: string
  description?: string
  keywords?: string[]
  createdAt?: string
  producer?: string
}

/** The properties that are read, by the name without its prefix: the prefixes are nearly always the same. */
const properties = ['title', 'creator', 'subject', 'description', 'CreateDate', 'CreatorTool']

/**
 * Reads the common properties of an XMP packet (ISO 16684-1), whether they are elements, lists or attributes. Whatever
 * else is in it, or is broken, is passed over.
 */
export function readXmp(text: string): Described {
  const found = new Map<string, string[]>()
  let property: string | undefined
  let value = ''
  let count = 0
  const add = (name: string, text: string) => {
    if (text.trim() === '' || count >= maxValues) return
    count += 1
    found.set(name, [...(found.get(name) ?? []), text.trim()])
  }
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        value = ''
        if (properties.includes(local(name))) property = local(name)
        if (local(name) !== 'Description' || property) return
        for (const [key, text] of Object.entries(attributes)) if (properties.includes(local(key))) add(local(key), text)
      },
      ontext: (text) => {
        if (property) value += text
      },
      onclosetag(name) {
        if (property) add(property, value)
        value = ''
        if (local(name) === property) property = undefined
      },
    },
    { xmlMode: true, decodeEntities: true },
  )
  parser.end(text.slice(0, maxChars))
  return describe(found)
}

function local(name: string) {
  return name.slice(name.indexOf(':') + 1)
}

function describe(found: Map<string, string[]>): Described {
  const created = found.get('CreateDate')?.[0]
  return {
    title: tidyText(found.get('title')?.[0]),
    author: tidyText(found.get('creator')?.join(', ')),
    description: tidyText(found.get('description')?.[0]),
    keywords: tidyList(found.get('subject')),
    createdAt:
      created && /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:\d\d)?)?$/.test(created) ? created : undefined,
    producer: tidyText(found.get('CreatorTool')?.[0]),
  }
}

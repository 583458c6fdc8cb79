import { describe, expect, test } from 'vitest'
import { findAttribute, localName, type MarkupOptions, walkMarkup } from './markup.ts'

async function walk(slices: string[], options: Partial<MarkupOptions> = {}) {
  const seen: string[] = []
  let text = ''
  const flush = () => {
    if (text !== '') seen.push(text)
    text = ''
  }
  const visitor = {
    open: (name: string, attributes: object) => {
      flush()
      seen.push(`<${[name, ...Object.entries(attributes).map(([key, value]) => `${key}=${value}`)].join(' ')}>`)
    },
    close: (name: string) => {
      flush()
      seen.push(`</${name}>`)
    },
    text: (said: string) => {
      text += said
    },
  }
  const texts = (async function* () {
    yield* slices
  })()
  await walkMarkup(texts, visitor, { dialect: 'xml', depth: 10, pause: async () => {}, ...options })
  return seen.join('')
}

describe('a walk over markup', () => {
  test('tells of elements, attributes and text in their order, wherever the slices part them', async () => {
    const xml = '<?xml version="1.0"?><a x="1&amp;2"><b:c/>Ω &lt;<![CDATA[<d>]]></a>'
    const told = '<a x=1&2><b:c></b:c>Ω <<d></a>'
    expect(await walk([xml])).toBe(told)
    expect(await walk([...xml])).toBe(told)
  })

  test('resolves no entity that a document declares, and fetches none', async () => {
    const dtd = '<!DOCTYPE a [<!ENTITY x "bomb"><!ENTITY y SYSTEM "file:///etc/passwd">]>'
    expect(await walk([`${dtd}<a>&x;&y;</a>`])).toBe('<a>&x;&y;</a>')
  })

  test('stops at the limit of depth, and at tags and comments without end', async () => {
    await expect(walk(['<a>'.repeat(11)])).rejects.toMatchObject({ kind: 'limits' })
    await expect(walk(['<p><b>'.repeat(11)], { dialect: 'html' })).rejects.toMatchObject({ kind: 'limits' })
    const endless = Array.from({ length: 300 }, () => 'x'.repeat(65_536))
    for (const start of ['<a b="', '<!--', '<a ', '<?x ', '<![CDATA[']) {
      await expect(walk([`<r>${start}`, ...endless])).rejects.toMatchObject({ kind: 'limits' })
    }
    const attributes = Array.from({ length: 5000 }, (_, index) => `a${index}=""`).join(' ')
    await expect(walk([`<r ${attributes}/>`])).rejects.toMatchObject({ kind: 'limits' })
  })

  test('refuses XML without elements, or that ends before they do', async () => {
    for (const xml of ['', 'text', '<!-- -->', '<a>', '<a><b></b>']) {
      await expect(walk([xml])).rejects.toMatchObject({ kind: 'corrupt' })
    }
  })

  test('closes what HTML leaves open, and tells of no tag that the end cuts off', async () => {
    const html = { dialect: 'html' } as const
    expect(await walk(['<P>one<p>two<br>three<div ', 'class='], html)).toBe('<p>one</p><p>two<br></br>three</p>')
    expect(await walk(['<title/>x<p>y'], { dialect: 'xhtml' })).toBe('<title></title>x<p>y</p>')
  })

  test('knows names with and without their prefixes', () => {
    expect(localName('w:p')).toBe('p')
    expect(localName('p')).toBe('p')
    expect(findAttribute({ id: '256', 'r:id': 'rId1' }, 'id')).toBe('rId1')
    expect(findAttribute({ id: '256' }, 'id')).toBe('256')
    expect(findAttribute({}, 'constructor')).toBeUndefined()
  })
})

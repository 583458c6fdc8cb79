import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { getOperation, operationNames, problems } from '@stowage/contract'
import { describe, expect, test } from 'vitest'
import { settings } from '../apps/server/src/config.ts'
import { LAYOUT_PRESETS } from '../apps/server/src/domain/key-layout-presets.ts'
import { anchor, generatedPages } from './docs.ts'

const ROOT = join(import.meta.dirname, '..')
const DOCS = join(ROOT, 'docs')

function read(path: string): string {
  return readFileSync(join(DOCS, path), 'utf8')
}

function firstCells(path: string): string[] {
  return [...read(path).matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] as string).sort()
}

describe('generated pages', () => {
  test.each(Object.entries(generatedPages()))('docs/%s is what the code says', (path, text) => {
    expect(read(path)).toBe(text)
  })

  test('problems.md names every problem of the catalogue and no other', () => {
    expect(firstCells('problems.md')).toEqual(Object.keys(problems).sort())
  })

  test('configuration.md names every setting and no other', () => {
    expect(firstCells('configuration.md')).toEqual(
      Object.values(settings)
        .map((setting) => setting.env)
        .sort(),
    )
  })

  test('api.md has a section for every operation and no other', () => {
    const sections = [...read('reference/api.md').matchAll(/^### (.+)$/gm)].map((match) => match[1] as string)
    expect(sections.sort()).toEqual([...operationNames()].sort())
  })
})

describe('pages written by hand', () => {
  const pages = [join(ROOT, 'README.md'), join(ROOT, 'examples/README.md'), ...markdownBelow(DOCS)]

  test.each(pages.map((path) => [relative(ROOT, path), path]))('every link of %s leads somewhere', (_name, path) => {
    const broken = linksOf(path).filter((link) => !resolves(path, link))
    expect(broken).toEqual([])
  })

  test('name only settings and problems that exist', () => {
    const known = new Set<string>([
      ...Object.values(settings).map((setting) => setting.env),
      ...CLI_VARIABLES,
      MISSPELT,
    ])
    for (const path of pages) {
      const text = readFileSync(path, 'utf8')
      for (const [name] of text.matchAll(/\bSTOWAGE_[A-Z_]+[A-Z]\b/g)) {
        expect([...known], `${name} in ${path}`).toContain(name)
      }
      for (const [, code] of text.matchAll(/"code":"([^"]+)"/g)) expect(Object.keys(problems)).toContain(code)
    }
  })

  test('the page on key layouts shows every preset with its template', () => {
    const text = read('how-to/key-layouts.md')
    for (const { name, templates } of LAYOUT_PRESETS)
      expect(text).toContain(`| \`${name}\` | \`${templates.original}\` |`)
  })

  test('every path of the API that they name is one of the contract', () => {
    const paths = operationNames().map((name) => getOperation(name).path.replace(/\{\w+\}/g, '*'))
    for (const path of pages) {
      for (const [, , named] of readFileSync(path, 'utf8').matchAll(/`(GET|POST|PATCH|DELETE) (\/v1\/[^\s`?]+)`/g)) {
        expect(paths, `${named} in ${path}`).toContain((named as string).replace(/\{\w+\}/g, '*'))
      }
    }
  })
})

/** Shown as what the server refuses. */
const MISSPELT = 'STOWAGE_PROT'
const CLI_VARIABLES = ['STOWAGE_URL', 'STOWAGE_KEY', 'STOWAGE_ORGANIZATION']

function markdownBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path))
}

function linksOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replaceAll(/```[\s\S]*?```/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] as string)
    .filter((link) => !/^https?:/.test(link))
}

function resolves(from: string, link: string): boolean {
  const [file = '', fragment] = link.split('#')
  const target = file === '' ? from : join(dirname(from), file)
  if (!existsSync(target)) return false
  if (fragment === undefined) return true
  const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.+)$/gm)]
  return headings.some((match) => anchor(match[1] as string) === fragment)
}

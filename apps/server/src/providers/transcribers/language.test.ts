import { describe, expect, test } from 'vitest'
import { languageCode, languageTag } from './language.ts'

describe('a language', () => {
  test.each([
    ['english', 'en'],
    ['Greek', 'el'],
    ['hebrew', 'he'],
    ['chinese', 'zh'],
    ['en', 'en'],
    ['pt_br', 'pt-BR'],
    ['zh-hant-TW', 'zh-Hant-TW'],
  ])('that an engine calls %s is %s', (said, tag) => {
    expect(languageTag(said)).toBe(tag)
  })

  test.each([undefined, null, '', 'klingonese', 'e', 'en-', '12', '\0'])('is not %j', (said) => {
    expect(languageTag(said)).toBeUndefined()
  })

  test('is told to engines by two letters', () => {
    expect(['el-GR', 'English', 'grc', undefined].map(languageCode)).toEqual(['el', 'en', undefined, undefined])
  })
})

import { expect, test } from 'vitest'
import { recallOf, wordsOf } from './recall.ts'

test('words are parted by what is no letter, Chinese by its characters, and a picture is a word', () => {
  expect(wordsOf('Pier 7,\nβόρεια 你好A股 🎉🎉')).toEqual(['Pier', '7', 'βόρεια', '你', '好', 'A', '股', '🎉', '🎉'])
})

test('a word that stands there twice has to come back twice', () => {
  expect(recallOf('one two two three', 'two one')).toEqual({ words: 4, found: 2, share: 0.5, missed: ['two', 'three'] })
})

test('order, what is said beside it, and the shapes of letters do not matter', () => {
  expect(recallOf('office ﻻ', 'لا and the oﬃce').share).toBe(1)
})

test('half a word is none', () => {
  expect(recallOf('harbour', 'har bour').found).toBe(0)
})

import { describe, expect, test } from 'vitest'
import { advice, adviceFor, type Diagnosis } from './advice.ts'

describe('advice', () => {
  test.each(Object.keys(advice) as Diagnosis[])(
    'for %s says what is wrong and what to do, in sentences',
    (diagnosis) => {
      const { problem, next } = adviceFor(diagnosis, 'files')
      expect(problem).toMatch(/^[A-Z].*\.$/)
      expect(next).toMatch(/^[A-Z].*\.$/)
      expect(next).not.toContain('{store}')
    },
  )

  test('for a missing bucket offers to make it, by the name of the store', () => {
    expect(adviceFor('noBucket', 'files').next).toContain('stowage-server provision files --apply')
  })

  test('is not the same for two causes', () => {
    const words = Object.values(advice).map(({ problem }) => problem)
    expect(new Set(words).size).toBe(words.length)
  })
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findProgram } from './platform/sandbox/programs.ts'
import { missingPrograms, optionalPrograms, statesOfPrograms } from './programs.ts'

const page = readFileSync(new URL('../../../docs/how-to/optional-programs.md', import.meta.url), 'utf8')

test.each(optionalPrograms)(
  '$name is said to be there or missing, with what goes without it',
  ({ name, program, gives }) => {
    const isThere = findProgram(program) !== undefined
    expect(statesOfPrograms()[program]).toBe(isThere ? 'installed' : 'missing')
    expect(missingPrograms().some((line) => line.includes(name) && line.includes(gives))).toBe(!isThere)
  },
)

test('every program is in the documentation', () => {
  for (const { name, program, gives } of optionalPrograms)
    for (const word of [name, program, gives]) expect(page).toContain(word)
})

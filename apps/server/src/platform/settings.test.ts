import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readSettings, SettingsError } from './settings.ts'

const rows = {
  port: { env: 'STOWAGE_PORT', doc: 'Port.', schema: z.coerce.number('must be a whole number').int().default(4700) },
  trashDays: { env: 'STOWAGE_TRASH_DAYS', doc: 'Days.', schema: z.coerce.number().default(30) },
  adminKey: {
    env: 'STOWAGE_ADMIN_KEY',
    doc: 'Key.',
    schema: z.string().min(16, 'must have at least 16 characters').optional(),
    secret: true,
  },
}

function faultsOf(environment: Record<string, string>): string {
  try {
    readSettings(rows, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    return (error as Error).message
  }
  throw new Error('the settings were taken')
}

describe('readSettings', () => {
  test('takes the default of what is absent or empty', () => {
    expect(readSettings(rows, { STOWAGE_TRASH_DAYS: '' })).toEqual({ port: 4700, trashDays: 30, adminKey: undefined })
  })

  test('reads the text of a variable by its schema', () => {
    expect(readSettings(rows, { STOWAGE_PORT: '80' }).port).toBe(80)
  })

  test('names every variable that is wrong, with its value', () => {
    const message = faultsOf({ STOWAGE_PORT: 'eighty', STOWAGE_TRASH_DAYS: 'many' })
    expect(message).toContain('STOWAGE_PORT=eighty')
    expect(message).toContain('STOWAGE_TRASH_DAYS=many')
  })

  test('never prints the value of a secret', () => {
    const message = faultsOf({ STOWAGE_ADMIN_KEY: 'short-secret' })
    expect(message).toContain('STOWAGE_ADMIN_KEY: must have at least 16 characters')
    expect(message).not.toContain('short-secret')
  })

  test('refuses a setting that nobody knows and suggests the one that was meant', () => {
    expect(faultsOf({ STOWAGE_TRASH_DAY: '3' })).toContain('did you mean STOWAGE_TRASH_DAYS?')
  })

  test('leaves variables of other programs and of tests alone', () => {
    expect(readSettings(rows, { PATH: '/bin', STOWAGE_TEST_ROUNDS: '3' }).port).toBe(4700)
  })
})

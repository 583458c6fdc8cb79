import { toIsoDate } from './fact-values.ts'
import type { Cell } from './port.ts'

const msPerDay = 86_400_000
/** 9999-12-31. */
const lastDay = 2_958_465
/** What day 0 is; in the first system day 60 is a 29th of February that never was, so that the days before it are one off. */
const epoch1900 = Date.UTC(1899, 11, 30)
const epoch1904 = Date.UTC(1904, 0, 1)
const days1904 = (epoch1904 - epoch1900) / msPerDay

/** What a number is shown as: a day or time, or a length of time that may be longer than a day. */
export type TimeFormat = 'date' | 'elapsed'

/** ECMA-376-1, 18.8.30: the formats that need no code, in all languages. */
export function findBuiltInFormat(id: number): TimeFormat | undefined {
  if (id === 46) return 'elapsed'
  const isDate = (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || id === 45 || id === 47 || (id >= 50 && id <= 58)
  return isDate ? 'date' : undefined
}

/** Reads a format's code (ECMA-376-1, 18.8.31), of which the first section counts; undefined for other numbers. */
export function findTimeFormat(code: string): TimeFormat | undefined {
  const bare = code.slice(0, 1000).replace(/"[^"]*"|\\.|[_*]./g, '')
  const section = bare.split(';')[0] ?? ''
  if (/\[(?:h+|m+|s+)\]/i.test(section)) return 'elapsed'
  const signs = section.replace(/\[[^\]]*\]/g, '')
  return /^general$/i.test(signs.trim()) || !/[ymdhs]/i.test(signs) ? undefined : 'date'
}

/**
 * A number as the sheet shows it when it is formatted as a time: a day, a day and its time, or a text for a time without
 * a day and for a length of time.
 */
export function toTimeCell(serial: number, format: TimeFormat, is1904: boolean): Cell {
  if (!(serial >= 0 && serial <= lastDay)) return serial
  const seconds = Math.round(serial * 86_400)
  if (format === 'elapsed' || seconds < 86_400) return toClock(seconds)
  const days = Math.floor(seconds / 86_400) + (is1904 ? days1904 : 0)
  const shift = !is1904 && days < 60 ? 1 : 0
  const date = new Date(epoch1900 + (days + shift) * msPerDay)
  const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
  const time = seconds % 86_400
  if (time > 0) parts.push(Math.floor(time / 3600), Math.floor(time / 60) % 60, time % 60)
  const iso = toIsoDate(parts)
  return iso === undefined ? serial : { date: iso }
}

function toClock(seconds: number) {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

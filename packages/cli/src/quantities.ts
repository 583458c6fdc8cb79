/** Quantities as people write and read them. */

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `90`, `90s`, `15m`, `1h`, `7d` or `2w` in seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+)([smhdw]?)$/.exec(text)
  return match ? Number(match[1]) * SECONDS[match[2] || 's']! : undefined
}

/** `512`, `10MB` or `1.5 GiB` in bytes, with 1024 to a unit in either spelling; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text)
  if (!match) return undefined
  const power = match[2] ? 'kmgtp'.indexOf(match[2].toLowerCase()) + 1 : 0
  return Math.round(Number(match[1]) * 1024 ** power)
}

/** A day (its beginning here), or a time (here, unless it names a zone), in UTC; undefined for anything else. */
export function parseTime(text: string): string | undefined {
  const time = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString()
}

export function showSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  const amount = bytes / 1024 ** power
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[power]}`
}

/** `45 s`, `3 min 20 s` or `2 h 5 min`. */
export function showDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}

/** In the time zone of this machine, in an order that sorts. */
export function showTime(utc: string): string {
  return new Date(utc).toLocaleString('sv-SE')
}

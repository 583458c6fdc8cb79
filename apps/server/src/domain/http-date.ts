const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAYS = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAYS = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const MONTH = `(?<month>${MONTHS.join('|')})`

// RFC 9110 section 5.6.7: IMF-fixdate, and the two obsolete forms a recipient accepts all the same.
const FORMS = [
  new RegExp(`^${DAYS}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAYS}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAYS} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]

/** Reads an HTTP-date (RFC 9110 section 5.6.7); undefined when it is none. */
export function parseHttpDate(text: string): Date | undefined {
  const groups = FORMS.map((form) => form.exec(text)?.groups).find((each) => each !== undefined)
  if (!groups) return undefined
  const number = (name: string) => Number(groups[name])
  const [year, month, day] = [fullYear(groups['year']!), MONTHS.indexOf(groups['month']!), number('day')]
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  date.setUTCHours(number('hour'), number('minute'), Math.min(number('second'), 59))
  const real = date.getUTCDate() === day && number('hour') < 24 && number('minute') < 60 && number('second') <= 60
  return real ? date : undefined
}

function fullYear(digits: string): number {
  if (digits.length === 4) return Number(digits)
  return Number(digits) + (Number(digits) < 70 ? 2000 : 1900)
}

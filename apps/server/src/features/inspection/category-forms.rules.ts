const MAX_LINE_CHARACTERS = 200

const letter = '[\\p{L}\\p{N}]'
const inside = `(?<!${letter})`
const outside = `(?!${letter})`
const currency = `(?:[€$£]|${inside}(?:eur|euros?|usd|gbp|chf|ευρω)${outside})`

/** What a form is told by, how many it takes, how many are counted, and what each one weighs. */
const forms = [
  {
    what: 'amounts of money',
    category: 'financial',
    least: 2,
    most: 8,
    each: 0.4,
    pattern: new RegExp(`${currency} ?\\d|\\d ?${currency}`, 'gu'),
  },
  {
    what: 'decimal amounts',
    category: 'financial',
    least: 3,
    most: 12,
    each: 0.25,
    pattern: /\d[.,]\d\d(?![\d.,:/-]|\.\d)/g,
  },
  {
    what: 'IBAN',
    category: 'financial',
    least: 1,
    most: 1,
    each: 1.5,
    pattern: new RegExp(`${inside}[a-z]{2}\\d\\d(?: ?[a-z]{4})?(?: ?\\d{4}){3,6}`, 'gu'),
  },
  {
    what: 'VAT number',
    category: 'financial',
    least: 1,
    most: 1,
    each: 1.5,
    pattern: new RegExp(`${inside}(?:atu|be|de|el|es|fr|gb|gr|ie|it|nl|pl|pt) ?\\d{2,3} ?\\d{3} ?\\d{2,4}`, 'gu'),
  },
  {
    what: 'numbered clauses',
    category: 'contract',
    least: 2,
    most: 5,
    each: 0.5,
    pattern: new RegExp(
      `(?:§|${inside}(?:art|article|articolo|articulo|artikel|αρθρο|clause|clausula)\\.?) ?\\d`,
      'gu',
    ),
  },
  {
    what: 'numbered articles',
    category: 'legal',
    least: 2,
    most: 5,
    each: 0.5,
    pattern: new RegExp(`(?:§|${inside}(?:art|article|articolo|articulo|artikel|αρθρο|section)\\.?) ?[\\d(]`, 'gu'),
  },
  {
    what: 'numbered headings',
    category: 'report',
    least: 3,
    most: 6,
    each: 0.3,
    pattern: /^ ?\d{1,2}(?:\.\d{1,2})?[.)]? \p{L}/gmu,
  },
  {
    what: 'between … and …',
    category: 'contract',
    least: 1,
    most: 1,
    each: 2,
    pattern: new RegExp(
      `${inside}(?:between [^.]{3,200} and|zwischen [^.]{3,200} und|entre [^.]{3,200} (?:et|y)|(?:tra|fra) l[aoe'] ?[^.]{3,200} e|μεταξυ [^.]{3,200} και)${outside}`,
      'gu',
    ),
  },
  {
    what: 'salutation',
    category: 'correspondence',
    least: 1,
    most: 1,
    each: 5,
    pattern:
      /^ ?(?:dear|hi|hello|good (?:morning|afternoon|evening)|sehr geehrte|liebe[rs]?|hallo|guten (?:tag|morgen)|cher|chere|chers|cheres|bonjour|bonsoir|madame|monsieur|messieurs|estimad[oa]s?|querid[oa]s?|hola|buenos dias|muy senor|gentil[ei]|gent\.m[oa]|egregi[oa]?|spett\.?le|car[oaie]|buongiorno|ciao|αγαπητ(?:ε|η|οι|εσ)|αξιοτιμ(?:ε|η|οι|εσ)|κυρι(?:ε|α)|καλημερα|καλησπερα)(?: [^\n]{0,60})?[,:!]? ?$/gmu,
  },
  {
    what: 'message headers',
    category: 'correspondence',
    least: 2,
    most: 4,
    each: 2,
    pattern:
      /^ ?(?:from|to|cc|bcc|subject|sent|von|an|betreff|gesendet|de|a|para|asunto|enviado|objet|envoye|da|oggetto|inviato|απο|προσ|θεμα) ?: ?\S/gmu,
  },
  {
    what: 'place and date',
    category: 'correspondence',
    least: 1,
    most: 1,
    each: 1.5,
    pattern:
      /^ ?(?:\p{L}+(?: \p{L}+)?,? )?(?:den |le |li |a )?\d{1,2}\.?(?:er|°|st|nd|rd|th)? (?:de )?\p{L}{3,12},?(?: de)? \d{4} ?$/gmu,
  },
  {
    what: 'machine-readable zone',
    category: 'identity',
    least: 1,
    most: 1,
    each: 7,
    pattern: /[a-z0-9]<<[a-z0-9<]{3}|<{6}/g,
  },
] as const

const codeLine = [
  /[;{}]$/,
  /^\s*[}\])]/,
  /=>|==|!=|&&|\|\||::|->|\$\{|\$[a-z_(]|\)\s*\{/,
  /^\s*<\/?[a-z!?][^<]*>/,
  /^\s*(?:import|export|const|let|var|def|class|return|function|public|private|static|package|if|for|while|try|catch|#include|using|select|update|insert|else|elif|raise|throw|from|with|begin|end)\b.*[({=;:]/,
  /^\s*["']?[a-z_][\w.-]*["']?\s*=\s*\S*|^\s*"[^"]{1,80}"\s*:/,
  /\w\.\w+\(|[a-z_]\w*\([^ ]*\)*[:,;]?$/,
  /^\s*(?:return|pass|break|continue|try:|else:|finally:|end)(?:\s+\S+)?$/,
  /^\s+(?:- )?[\w.-]+:(?:\s|$)|^\s+- \S|^[a-z_-]+:$/,
  /^\[[\w. -]+\]$|^#!|^\s*(?:\/\/|\/\*|\*\/)/,
  /^\[?\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d/,
  /^\s+at \S+ ?\(/,
  /^\s*(?:select|from|where|join|left join|inner join|group by|order by|having|limit|insert into|create table|update)\s.*[,*=.();\d]/,
  /^\s*(?:set|echo|export|cd|mkdir|sudo|npm|git|docker|done|fi)(?:\s+[-\w$"./]+)*$/,
]

/** Forms that a kind of document has, in lines without case and accents. */
export function formsOf(lines: readonly string[]) {
  const text = lines.map((line) => line.replace(/[^\S\n]+/g, ' ')).join('\n')
  return forms.flatMap(({ what, category, pattern, least, most, each }) => {
    let count = 0
    for (const _ of text.matchAll(pattern)) {
      count += 1
      if (count === most) break
    }
    return count < least ? [] : [{ what, category, weight: count * each }]
  })
}

/** What the lines look like: source, rows of values, slides. */
export function shapeOf(
  { mediaType, pageCount }: { mediaType: string; pageCount?: number },
  lines: readonly string[],
  wordCount: number,
) {
  const full = lines.filter((line) => line.trim() !== '').map((line) => line.slice(0, MAX_LINE_CHARACTERS).trimEnd())
  if (full.length < 3) return []
  const found: { category: 'code' | 'spreadsheet' | 'presentation' | 'report'; what: string; weight: number }[] = []
  const source = shareOfSource(full)
  if (source > 0.35) found.push({ category: 'code', what: 'lines of source', weight: 12 * source })
  if (mediaType.startsWith('text/') && areRows(full)) {
    found.push({ category: 'spreadsheet', what: 'rows of values', weight: 5 })
  }
  const isSparse =
    pageCount !== undefined && pageCount >= 5 && wordCount / pageCount < 80 && wordCount / full.length < 5
  if (isSparse) found.push({ category: 'presentation', what: 'few short lines on each page', weight: 3 })
  if (pageCount !== undefined && pageCount >= 20) found.push({ category: 'report', what: 'many pages', weight: 1 })
  return found
}

/** Remarks in a source are prose and tell nothing either way. */
function shareOfSource(lines: readonly string[]): number {
  const telling = lines.filter((line) => !/^\s*(?:#|\*|\/\/|--|;)/.test(line) || line.startsWith('#!'))
  const source = telling.filter((line) => codeLine.some((pattern) => pattern.test(line)))
  return telling.length < 2 ? 0 : source.length / telling.length
}

function areRows(lines: readonly string[]): boolean {
  return [',', ';', '\t'].some((mark) => {
    const [first = 0, ...others] = lines.map((line) => line.split(mark).length)
    return first > 2 && others.filter((count) => count === first).length >= 0.9 * others.length
  })
}

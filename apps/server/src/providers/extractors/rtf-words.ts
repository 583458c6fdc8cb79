/** Control words of Rich Text Format (1.9.1) that decide what is text, and what text they stand for. */

/** Groups that hold no text of the document. Those that `\*` marks and nobody knows are skipped as well. */
export const SKIPPED_GROUPS: ReadonlySet<string> = new Set(
  (
    'colortbl stylesheet pict filetbl listtable listoverridetable revtbl rsidtbl fldinst datafield nonshppict shprslt sp ' +
    'pntext listtext objdata objclass objname themedata colorschememapping datastore xmlnstbl latentstyles bkmkstart ' +
    'bkmkend tc tcn xe template private formfield ffdeftext ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn'
  ).split(' '),
)

/** Groups that `\*` marks and that hold text all the same: boxes of drawings, and the Unicode half of a pair. */
export const OPEN_GROUPS: ReadonlySet<string> = new Set('shpinst shptxt do dptxbxtext ud shppict'.split(' '))

/** Groups of what stands beside the text, by where it is said to stand. */
export const ASIDE_GROUPS: ReadonlyMap<string, string> = new Map([
  ['header', 'header'],
  ['headerl', 'header'],
  ['headerr', 'header'],
  ['headerf', 'header'],
  ['footer', 'footer'],
  ['footerl', 'footer'],
  ['footerr', 'footer'],
  ['footerf', 'footer'],
  ['footnote', 'notes'],
  ['annotation', 'comment'],
])

/** Groups inside `\info` (and `\*\generator`) whose text is a fact. */
export const FACT_GROUPS: ReadonlySet<string> = new Set(
  'title subject author keywords doccomm company category operator generator'.split(' '),
)

export const DATE_GROUPS: ReadonlySet<string> = new Set(['creatim', 'revtim'])
export const DATE_WORDS: readonly string[] = ['yr', 'mo', 'dy', 'hr', 'min', 'sec']

export const WORD_SIGNS: ReadonlyMap<string, string> = new Map([
  ['tab', '\t'],
  ['emdash', '\u2014'],
  ['endash', '\u2013'],
  ['emspace', '\u2003'],
  ['enspace', '\u2002'],
  ['qmspace', '\u2005'],
  ['lquote', '\u2018'],
  ['rquote', '\u2019'],
  ['ldblquote', '\u201c'],
  ['rdblquote', '\u201d'],
  ['bullet', '\u2022'],
  ['zwj', '\u200d'],
  ['zwnj', '\u200c'],
  ['ltrmark', '\u200e'],
  ['rtlmark', '\u200f'],
])

export const SYMBOL_SIGNS: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ['{', '{'],
  ['}', '}'],
  ['~', '\u00a0'],
  ['_', '\u2011'],
])

export const LINE_WORDS: ReadonlySet<string> = new Set(['par', 'line', 'sect', 'page', 'column', 'lbr', 'softline'])

/** The code page of a font by its `\fcharset`; fonts without one use the document's. */
export const FONT_CODE_PAGES: ReadonlyMap<number, number> = new Map([
  [77, 10000],
  [128, 932],
  [129, 949],
  [134, 936],
  [136, 950],
  [161, 1253],
  [162, 1254],
  [163, 1258],
  [177, 1255],
  [178, 1256],
  [186, 1257],
  [204, 1251],
  [222, 874],
  [238, 1250],
  [254, 437],
  [255, 850],
])

/** The name of a code page for the decoder. */
export function encodingOf(codePage: number): string {
  if (codePage === 10000) return 'macintosh'
  if (codePage === 65001) return 'utf-8'
  if (codePage === 932) return 'shift_jis'
  if (codePage === 936) return 'gbk'
  if (codePage === 949) return 'euc-kr'
  if (codePage === 950) return 'big5'
  if (codePage === 874) return 'windows-874'
  if (codePage >= 1250 && codePage <= 1258) return `windows-${codePage}`
  return [437, 708, 720, 850, 852, 855, 857, 860, 862, 863, 864, 865, 866].includes(codePage)
    ? `cp${codePage}`
    : 'windows-1252'
}

import { localName, type MarkupVisitor } from './markup.ts'
import type { TextFlow } from './text-flow.ts'

/**
 * Elements with nothing to read in them: properties, the older drawing of what `Choice` holds, text that a revision took
 * away, instructions of fields.
 */
const SKIPPED: ReadonlySet<string> = new Set([
  'Fallback',
  'del',
  'moveFrom',
  'delText',
  'delInstrText',
  'instrText',
  'pPr',
  'rPr',
  'defRPr',
  'endParaRPr',
  'sdtPr',
  'sectPr',
  'tblPr',
  'tblGrid',
  'trPr',
  'tcPr',
  'binData',
  'fldData',
])

/** Of charts: formulas, and the numbers that are drawn. */
const SKIPPED_IN_CHARTS: ReadonlySet<string> = new Set([
  ...SKIPPED,
  'f',
  'val',
  'xVal',
  'yVal',
  'bubbleSize',
  'formatCode',
])

type Step = (flow: TextFlow) => void

const breakLine: Step = (flow) => flow.breakLine()

const OPENING: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['p', breakLine],
  ['tbl', breakLine],
  ['txbxContent', breakLine],
  ['tc', (flow) => flow.startCell()],
  ['tab', (flow) => flow.text('\t')],
  ['ptab', (flow) => flow.text('\t')],
  ['br', breakLine],
  ['cr', breakLine],
  ['noBreakHyphen', (flow) => flow.text('\u2011')],
])

const CLOSING: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['p', breakLine],
  ['tbl', breakLine],
  ['txbxContent', breakLine],
  ['tc', (flow) => flow.endCell()],
  ['tr', (flow) => flow.endRow()],
])

const CHART_OPENING: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['p', breakLine],
  ['v', (flow) => flow.startCell()],
])

const CHART_CLOSING: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['p', breakLine],
  ['v', (flow) => flow.endCell()],
  ['tx', (flow) => flow.endRow()],
  ['cat', (flow) => flow.endRow()],
])

/** Writes the text of WordprocessingML and DrawingML, whatever prefixes they use. */
export function officeVisitor(flow: TextFlow): MarkupVisitor {
  return textVisitor(flow, SKIPPED, new Set(['t']), OPENING, CLOSING)
}

/** Writes the titles of a chart and the names of its series and categories. */
export function chartVisitor(flow: TextFlow): MarkupVisitor {
  return textVisitor(flow, SKIPPED_IN_CHARTS, new Set(['t', 'v']), CHART_OPENING, CHART_CLOSING)
}

/** Writes the comments of older presentations, whose text has no paragraphs. */
export function slideCommentVisitor(flow: TextFlow): MarkupVisitor {
  const closing = new Map<string, Step>([...CLOSING, ['cm', breakLine]])
  return textVisitor(flow, SKIPPED, new Set(['t', 'text']), OPENING, closing)
}

function textVisitor(
  flow: TextFlow,
  skipped: ReadonlySet<string>,
  holders: ReadonlySet<string>,
  opening: ReadonlyMap<string, Step>,
  closing: ReadonlyMap<string, Step>,
): MarkupVisitor {
  let skippedDepth = 0
  let inText = false
  return {
    open(name, attributes) {
      const local = localName(name)
      const isSlideNumber = local === 'fld' && attributes['type'] === 'slidenum'
      if (skippedDepth > 0 || skipped.has(local) || isSlideNumber) {
        skippedDepth += 1
        return
      }
      // A diagram's `t` holds paragraphs.
      inText = holders.has(local) && name !== 'dgm:t'
      opening.get(local)?.(flow)
    },
    close(name) {
      if (skippedDepth > 0) {
        skippedDepth -= 1
        return
      }
      inText = false
      closing.get(localName(name))?.(flow)
    },
    text(text) {
      if (inText && skippedDepth === 0) flow.text(text)
    },
  }
}

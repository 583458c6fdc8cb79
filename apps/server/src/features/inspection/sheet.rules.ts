import type { Cell } from '../../providers/extractors/port.ts'

export type CellType = 'empty' | 'text' | 'number' | 'boolean' | 'date' | 'mixed'

/** A column of a sheet: what its first row calls it, and the one type that its other cells share. */
export interface Column {
  header: string | null
  type: CellType
}

/** Learns the columns of a sheet from its rows, block by block, in memory that does not grow with them. */
export interface Columns {
  add(rows: readonly Cell[][]): void
  found(): Column[]
  rowCount(): number
}

const MAX_COLUMNS = 1000

export function learnColumns(): Columns {
  const columns: Column[] = []
  let rowCount = 0
  return {
    add(rows) {
      for (const row of rows) {
        const isFirst = rowCount === 0
        rowCount += 1
        row.slice(0, MAX_COLUMNS).forEach((cell, index) => {
          columns[index] ??= { header: null, type: 'empty' }
          const column = columns[index] as Column
          if (isFirst) column.header = typeof cell === 'string' ? cell : null
          if (!isFirst || typeof cell !== 'string') column.type = joined(column.type, typeOf(cell))
        })
      }
    },
    found: () => Array.from(columns, (column) => column ?? { header: null, type: 'empty' }),
    rowCount: () => rowCount,
  }
}

function typeOf(cell: Cell): CellType {
  if (cell === null || cell === '') return 'empty'
  if (typeof cell === 'object') return 'date'
  return typeof cell === 'string' ? 'text' : (typeof cell as 'number' | 'boolean')
}

function joined(known: CellType, next: CellType): CellType {
  if (known === 'empty' || known === next) return next === 'empty' ? known : next
  return next === 'empty' ? known : 'mixed'
}

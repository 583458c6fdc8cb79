import { tidyList, tidyText } from './fact-values.ts'
import type { Described } from './xmp.ts'

const maxDataSets = 2000
/** IIM 4.2, 1:90: the escape sequence of ISO 2022 that says UTF-8. */
const utf8Mark = '\x1b%G'

/**
 * Reads the common data sets of IPTC's Information Interchange Model (version 4.2, chapter 6), as Photoshop keeps them
 * in images. What is broken ends the reading.
 */
export function readIptc(bytes: Buffer): Described {
  const found = new Map<number, Buffer[]>()
  let isUtf8 = false
  let at = findFirst(bytes)
  // 1.5: a tag marker, the record, the data set, and two bytes of length; a longer length is of no use here.
  for (let count = 0; at >= 0 && at + 5 <= bytes.length && count < maxDataSets; count += 1) {
    const length = bytes.readUInt16BE(at + 3)
    if (bytes[at] !== 0x1c || length > 0x7fff) break
    const value = bytes.subarray(at + 5, at + 5 + length)
    const dataSet = bytes[at + 2] ?? 0
    if (bytes[at + 1] === 1 && dataSet === 90) isUtf8 = value.toString('latin1') === utf8Mark
    if (bytes[at + 1] === 2) found.set(dataSet, [...(found.get(dataSet) ?? []), value])
    at += 5 + length
  }
  const read = (dataSet: number) => found.get(dataSet)?.map((value) => decode(value, isUtf8))
  return {
    title: tidyText(read(5)?.[0]),
    keywords: tidyList(read(25)),
    author: tidyText(read(80)?.join(', ')),
    description: tidyText(read(120)?.[0]),
  }
}

function findFirst(bytes: Buffer) {
  let at = bytes.indexOf(0x1c)
  while (at >= 0 && bytes[at + 1] !== 1 && bytes[at + 1] !== 2) at = bytes.indexOf(0x1c, at + 1)
  return at
}

function decode(value: Buffer, isUtf8: boolean) {
  if (isUtf8) return value.toString('utf8')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value)
  } catch {
    return new TextDecoder('windows-1252').decode(value)
  }
}

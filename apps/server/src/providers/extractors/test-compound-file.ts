import { CFB } from '@e965/xlsx'

/** Writes a compound file ([MS-CFB]) of streams; a slash in a name parts storages. */
export function makeCompoundFile(streams: Record<string, Buffer>): Buffer {
  const file = CFB.utils.cfb_new()
  for (const [path, bytes] of Object.entries(streams)) CFB.utils.cfb_add(file, `/${path}`, bytes)
  return Buffer.from(CFB.write(file, { type: 'buffer' }))
}

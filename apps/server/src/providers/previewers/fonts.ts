import sharp from 'sharp'

let found: Promise<boolean> | undefined

/** Whether text can be drawn on this machine: where there is no font, every sign looks the same. */
export function hasFont(): Promise<boolean> {
  found ??= Promise.all([drawSign('i'), drawSign('W')]).then(([narrow, wide]) => !narrow.equals(wide))
  return found
}

function drawSign(sign: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><text x="4" y="26" font-size="24">${sign}</text></svg>`
  return sharp(Buffer.from(svg)).raw().toBuffer()
}

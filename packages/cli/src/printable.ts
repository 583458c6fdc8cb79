/**
 * Text from elsewhere, made fit for a terminal: what would steer it, or turn the line around, is shown as a mark.
 * Line ends stay.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}

/** A text as it may stand in a page, between tags and in attributes. */
export function inText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

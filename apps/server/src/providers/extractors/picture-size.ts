/** What A4 measures at 300 dpi. Letters gain nothing by more, and the time that they take grows with the area. */
const MAX_SIDE = 3500

/** The size in pixels at which a page is drawn: at most so many times its own, and within bounds. */
export function drawnSize(width: number, height: number, mostTimes: number): { width: number; height: number } {
  const times = Math.min(mostTimes, MAX_SIDE / Math.max(width, height))
  return { width: Math.max(1, Math.floor(width * times)), height: Math.max(1, Math.floor(height * times)) }
}

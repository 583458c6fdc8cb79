const MAX_BACKOFF_SECONDS = 300

/** How long to wait after so many failures: twice as long each time, five minutes at most, and never all at once. */
export function backoffSeconds(failures: number): number {
  return Math.min(MAX_BACKOFF_SECONDS, 2 ** failures) * (0.5 + Math.random())
}

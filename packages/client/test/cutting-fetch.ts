/** A connection that is lost once, after the service has done what it was asked and before its answer is read. */
export function cutOnce(): typeof fetch {
  let cut = false
  return async (url, init) => {
    const response = await fetch(url, init)
    if (cut) return response
    cut = true
    await response.arrayBuffer()
    throw new TypeError('the connection was lost')
  }
}

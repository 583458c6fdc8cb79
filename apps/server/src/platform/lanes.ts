/** Has what callers ask for while earlier work of the same lane is under way done together. */
export interface Lanes {
  /**
   * @param work takes items in the order in which they came and answers in that order; any `work` of one lane may be
   *   given the items of the others
   */
  add<Item, Result>(
    lane: string,
    item: Item,
    sizeBytes: number,
    work: (items: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>,
  ): Promise<Result>
}

/** While one group waits for the disk, the next is prepared. */
const AT_ONCE = 2
const MAX_ITEMS = 64
const MAX_BYTES = 4 * 1024 * 1024

interface Waiting {
  item: unknown
  sizeBytes: number
  settle: (result: PromiseSettledResult<unknown>) => void
}

interface Lane {
  running: number
  waiting: Waiting[]
}

type Work = (items: readonly unknown[]) => Promise<readonly PromiseSettledResult<unknown>[]>

/** Nobody waits for company: whoever finds the lane free goes alone. A lane lasts while somebody is in it. */
export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()

  async function run(name: string, lane: Lane, work: Work): Promise<void> {
    lane.running += 1
    while (lane.waiting.length > 0) {
      const group = takeGroup(lane.waiting)
      const results = await work(group.map(({ item }) => item)).catch((reason) =>
        group.map(() => ({ status: 'rejected' as const, reason })),
      )
      for (const [index, { settle }] of group.entries()) settle(results[index] as PromiseSettledResult<unknown>)
    }
    lane.running -= 1
    if (lane.running === 0) lanes.delete(name)
  }

  return {
    add: (name, item, sizeBytes, work) =>
      new Promise((resolve, reject) => {
        const lane = lanes.get(name) ?? { running: 0, waiting: [] }
        lanes.set(name, lane)
        const settle = (result: PromiseSettledResult<unknown>) =>
          result.status === 'fulfilled' ? resolve(result.value as never) : reject(result.reason)
        lane.waiting.push({ item, sizeBytes, settle })
        if (lane.running < AT_ONCE) void run(name, lane, work as Work)
      }),
  }
}

/** Takes as many of the first as may go together, one at least. */
function takeGroup(waiting: Waiting[]): Waiting[] {
  let bytes = 0
  const tooMany = waiting.findIndex(({ sizeBytes }, index) => {
    bytes += sizeBytes
    return index >= MAX_ITEMS || (index > 0 && bytes > MAX_BYTES)
  })
  return waiting.splice(0, tooMany === -1 ? waiting.length : tooMany)
}

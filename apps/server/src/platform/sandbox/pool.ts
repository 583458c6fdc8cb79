import { createTurns } from '../../domain/turns.ts'
import { type Child, type ChildKind, startChild, type Work } from './child.ts'
import { SandboxError } from './errors.ts'
import type { Plan } from './guards.ts'

export interface Pool {
  run(kind: ChildKind, work: Work): Promise<void>
  /** Ends the children, once nobody uses them. */
  close(): Promise<void>
}

/** Keeps children warm, at most `size` of all kinds together. They are started when somebody asks. */
export function createPool(plan: Plan, size: number, parent: string): Pool {
  const turns = createTurns(size)
  const resting: { key: string; child: Child }[] = []
  const leaving = new Set<Promise<void>>()
  let busy = 0
  let closed = false

  const dismiss = (child: Child) => {
    // What it leaves on the disk, the sweep of the next start takes away.
    const left = child.end().catch(() => {})
    leaving.add(left)
    void left.then(() => leaving.delete(left))
  }
  const obtain = async (kind: ChildKind, key: string): Promise<Child> => {
    for (
      let at = resting.findIndex((one) => one.key === key);
      at >= 0;
      at = resting.findIndex((one) => one.key === key)
    ) {
      const { child } = resting.splice(at, 1)[0]!
      if (child.fit()) return child
      dismiss(child)
    }
    while (resting.length > 0 && resting.length + busy > size) dismiss(resting.shift()!.child)
    return await startChild(plan, kind, parent)
  }

  return {
    run: async (kind, work) => {
      const key = JSON.stringify(kind)
      const giveBack = await turns.take(work.signal).catch((cause) => {
        throw new SandboxError('aborted', 'The work was called off.', { cause })
      })
      busy += 1
      try {
        const child = await obtain(kind, key)
        try {
          await child.run(work)
        } finally {
          if (child.fit() && !closed) resting.push({ key, child })
          else dismiss(child)
        }
      } finally {
        busy -= 1
        giveBack()
      }
    },
    close: async () => {
      closed = true
      for (const { child } of resting.splice(0)) dismiss(child)
      await Promise.all(leaving)
    },
  }
}

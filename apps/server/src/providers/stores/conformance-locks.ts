import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Bench } from './conformance-bench.ts'
import { needs } from './conformance-needs.ts'

const DENIED = { name: 'StoreError', kind: 'denied' }

/** The part of the suite about legal holds and retention (`objectLock`). */
export function describeLocks(bench: Bench): void {
  test('refuses to delete an object that is held, until the hold is lifted', async (context) => {
    needs(bench, context, (can) => can.objectLock)
    const key = `${bench.prefix()}held`
    const receipt = await bench.put(key, Buffer.from('held'))
    await bench.store.setHold(key, { held: true })
    await bench.store.setHold(key, { held: true })
    expect(await bench.store.head(key)).toMatchObject({ held: true })
    await expect(bench.store.delete(key)).rejects.toMatchObject(DENIED)
    await bench.store.abandon(key)
    expect((await bench.read(key, receipt)).toString()).toBe('held')
    await bench.store.setHold(key, { held: false })
    expect((await bench.store.head(key))?.held ?? false).toBe(false)
    await bench.store.delete(key)
    expect(await bench.store.head(key)).toBeUndefined()
  })

  test('refuses to delete an object under governance and under compliance until the end', async (context) => {
    needs(bench, context, (can) => can.objectLock)
    const prefix = bench.prefix()
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 6000)
    const modes = ['governance', 'compliance'] as const
    for (const mode of modes) {
      const receipt = await bench.put(prefix + mode, Buffer.from(mode))
      await bench.store.setRetention(prefix + mode, { until, mode })
      expect((await bench.store.head(prefix + mode))?.retainUntil?.getTime()).toBe(until.getTime())
      await expect(bench.store.delete(prefix + mode)).rejects.toMatchObject(DENIED)
      expect((await bench.read(prefix + mode, receipt)).toString()).toBe(mode)
    }
    await wait(until.getTime() - Date.now() + 1500)
    for (const mode of modes) await bench.store.delete(prefix + mode)
    expect(await bench.listAll(prefix)).toEqual([])
  })

  test('does not let compliance be shortened', async (context) => {
    needs(bench, context, (can) => can.objectLock)
    const key = `${bench.prefix()}retained`
    await bench.put(key, Buffer.from('retained'))
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 20_000)
    const sooner = new Date(until.getTime() - 10_000)
    await bench.store.setRetention(key, { until, mode: 'compliance' })
    await expect(bench.store.setRetention(key, { until: sooner, mode: 'compliance' })).rejects.toMatchObject(DENIED)
    expect((await bench.store.head(key))?.retainUntil?.getTime()).toBe(until.getTime())
  })
}

import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { createMeter, usageIn } from './meter.ts'

test('a group is measured with all its members, and those that have ended keep what they used', async () => {
  const script = `"${process.execPath}" -e 'while (process.cpuUsage().user < 3e5); setTimeout(() => {}, 4000)' & sleep 100; :`
  const shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' })
  const meter = createMeter(shell.pid!)
  try {
    await expect.poll(async () => (await meter.read()).processes, { timeout: 10_000, interval: 20 }).toBe(3)
    await expect
      .poll(async () => (await meter.read()).residentBytes, { timeout: 10_000, interval: 20 })
      .toBeGreaterThan(20e6)
    await expect.poll(async () => (await meter.read()).processes, { timeout: 10_000, interval: 20 }).toBe(2)
    const { cpuSeconds, residentBytes } = await meter.read()
    expect(cpuSeconds).toBeGreaterThan(0.1)
    expect(residentBytes).toBeLessThan(20e6)
  } finally {
    process.kill(-shell.pid!, 'SIGKILL')
  }
})

test('what ps says is read on every system, in minutes and in days', () => {
  const lines = '  7  1024 00:00:03\n 12 100 0:01.50\n 12    200 1-02:03:04\n 120 5 0:09\n'
  expect(usageIn(lines, 12)).toEqual({ residentBytes: 300 * 1024, cpuSeconds: 93_784 + 1.5, processes: 2 })
})

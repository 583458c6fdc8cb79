import { adviceFor } from './providers/stores/advice.ts'
import type { AdministeredStore } from './store-admins.ts'

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** What failed and what to do next, instead of a stack. */
export async function explained({ storeId, admin }: AdministeredStore, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    const diagnosis = await admin?.diagnose(error)
    if (!diagnosis) throw error
    const { problem, next } = adviceFor(diagnosis, storeId)
    say(`  ✗ ${(error as Error).message}`)
    say(`      ${problem} ${next}`)
    return 1
  }
}

import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type ClamdProxy, startClamdProxy } from './clamd-proxy.ts'
import { type OwnClamd, startOwnClamd } from './own-clamd.ts'

export interface OwnScanner {
  clamd: OwnClamd
  /** Before it; as it should be at the beginning of each test. */
  proxy: ClamdProxy
}

/** A clamd of the suite's own, and before it what makes it fail. Known when the tests run. */
export function useOwnScanner(): OwnScanner {
  const scanner = {} as OwnScanner
  beforeAll(async () => {
    scanner.clamd = await startOwnClamd()
    scanner.proxy = await startClamdProxy(scanner.clamd.address)
  })
  beforeEach(() => scanner.proxy.become({}))
  afterAll(async () => {
    await scanner.proxy?.stop()
    await scanner.clamd?.remove()
  })
  return scanner
}

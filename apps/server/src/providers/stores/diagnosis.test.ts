import { type AddressInfo, createServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { diagnoseNetwork } from './diagnosis.ts'
import { StoreError } from './port.ts'

const failed = (url: string) =>
  fetch(url).then(
    () => undefined,
    (error: unknown) => error,
  )

describe('the diagnosis of a failure', () => {
  const listening = async (): Promise<{ server: Server; port: number }> => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end('this is no TLS, and no HTTP either\r\n\r\n', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { server, port: (server.address() as AddressInfo).port }
  }

  test('of a name that is not there, and of a port that nobody listens on, is the endpoint', async () => {
    expect(diagnoseNetwork(await failed('http://stowage.invalid/'))).toBe('wrongEndpoint')
    const { server, port } = await listening()
    await new Promise((resolve) => server.close(resolve))
    expect(diagnoseNetwork(await failed(`http://127.0.0.1:${port}/`))).toBe('wrongEndpoint')
  })

  test('of TLS spoken to a server that has none is the endpoint', async () => {
    const { server, port } = await listening()
    expect(diagnoseNetwork(await failed(`https://127.0.0.1:${port}/`))).toBe('wrongEndpoint')
    server.close()
  })

  test.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
  ])('of a certificate that fails with %s is that it is not trusted', (code) => {
    const cause = Object.assign(new Error('failed'), { code })
    expect(diagnoseNetwork(new StoreError('unavailable', 'x', { cause }))).toBe('untrustedCertificate')
  })

  test('of everything else is the kind that the store gives it', () => {
    const kinds = ['denied', 'full', 'throttled', 'unsupported', 'corrupt', 'unavailable'] as const
    for (const kind of kinds) expect(diagnoseNetwork(new StoreError(kind, 'x'))).toBe(kind)
    expect(diagnoseNetwork(new Error('x'))).toBe('unavailable')
  })
})

import { describe, expect, test } from 'vitest'
import { webhookKey, webhookRefusal, webhookSignature } from './standard-webhook.ts'

// The worked example of the specification's own libraries.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const KEY = webhookKey(SECRET) as Buffer
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const AT = '1614265330'
const BODY = Buffer.from('{"test": 2432232314}')
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
const NOW = new Date(1_614_265_330_000)

const message = { id: ID, timestamp: AT, signature: SIGNATURE, body: BODY }

describe('webhookSignature', () => {
  test('is the one of the published example', () => {
    expect(webhookSignature(KEY, ID, AT, BODY)).toBe(SIGNATURE)
  })
})

describe('webhookKey', () => {
  test.each(['', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_', 'whsec_c2hvcnQ=', `whsec_${'A'.repeat(100)}`])(
    'takes no secret %j',
    (secret) => expect(webhookKey(secret)).toBeUndefined(),
  )
})

describe('webhookRefusal', () => {
  const refusal = (changes: Partial<typeof message>, now = NOW) => webhookRefusal(KEY, { ...message, ...changes }, now)

  test('has none for a message that is signed and fresh', () => {
    expect(refusal({})).toBeUndefined()
    expect(refusal({ signature: `v1,AAAA v2,x ${SIGNATURE}` })).toBeUndefined()
  })

  test.each(['id', 'timestamp', 'signature'])('is `missing` without %s', (name) => {
    expect(webhookRefusal(KEY, { ...message, [name]: undefined }, NOW)).toBe('missing')
  })

  test.each([
    { id: 'msg_other' },
    { timestamp: '1614265331' },
    { body: Buffer.from('{"test": 2432232315}') },
    { signature: 'v1,' },
    { signature: SIGNATURE.replace('v1', 'v2') },
    { signature: SIGNATURE.toLowerCase() },
  ])('is `wrong` for %j', (changes) => expect(refusal(changes)).toBe('wrong'))

  test('is `wrong` for another key, and for a moment that is no number', () => {
    const other = webhookKey(`whsec_${Buffer.alloc(32, 7).toString('base64')}`) as Buffer
    expect(webhookRefusal(other, message, NOW)).toBe('wrong')
    const timestamp = '1e9'
    expect(refusal({ timestamp, signature: webhookSignature(KEY, ID, timestamp, BODY) })).toBe('wrong')
  })

  test('is `tooOld` beyond five minutes, before or after', () => {
    const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)
    expect(refusal({}, later(300))).toBeUndefined()
    expect(refusal({}, later(301))).toBe('tooOld')
    expect(refusal({}, later(-301))).toBe('tooOld')
  })
})

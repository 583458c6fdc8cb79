import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { findSensitive } from './findings.rules.ts'
import { findSecrets } from './secrets.ts'

/** Put together here, so that none of them stands in the source as a whole. */
const letters = (count: number) => 'aB3dE5gH7jK9mN2pQ4sT6vW8y'.repeat(20).slice(0, count)
const PEM = String(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
)
const GITHUB = `ghp_${letters(36)}`

const sensitive = async (text: string) => findSensitive(text, 10, await findSecrets(text, 10))

describe('secrets in a text', () => {
  test.each([
    ['privatekey', PEM.trim()],
    ['aws', `AKIA${'QX7RT2MNBV5KDJ3W'}`],
    ['github', GITHUB],
    ['github', `github_pat_${letters(22)}_${letters(59)}`],
    ['gitlab', `glpat-${letters(20)}`],
    ['npm', `npm_${letters(36)}`],
    ['slack', `xoxb-${'123456789012'}-${'123456789012'}-${letters(24)}`],
    ['stripe', `sk_live_${letters(24)}`],
    ['sendgrid', `SG.${letters(22)}.${letters(43)}`],
    ['anthropic', `sk-ant-api03-${letters(93)}AA`],
    ['database-connection-string', 'postgres://service:q8Zr-41kk@db.internal.net:5432/files'],
    ['basicauth', 'https://maria:q8Zr41kk@files.internal.net'],
    ['url-password', 'amqp://maria:q8Zr;41kk@queue.internal.net'],
    ['google', `AIza${letters(35)}`],
    ['stowage', `stw_${letters(43)}`],
  ])('%s is found once', async (rule, value) => {
    for (const text of [value, `before "${value}" after`, `token: ${value}\n`, `Ο κωδικός: ${value} τέλος.`]) {
      const found = await findSecrets(text, 10)
      expect(found).toMatchObject([{ rule }])
      expect(`${value}"`).toContain(text.slice(found[0]!.at, found[0]!.at + found[0]!.length))
    }
  })

  test.each([
    'The password must have at least eight characters.',
    'Password: ********',
    'postgres://user:password@localhost/db',
    'https://example.com:8080/path@2x.png',
    'mailto:someone@example.com',
    'AKIAIOSFODNN7EXAMPLE',
    'aws account id: 1234-5678-9012',
    'sk-learn and task-force-one-hundred-and-twenty-three',
    ['-----BEGIN PUBLIC', 'KEY-----'].join(' '),
    '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
    `commit ${'0a1b2c3d4e5f6789'.repeat(4)}`,
    `data:image/png;base64,${letters(200)}`,
  ])('none is in: %s', async (text) => {
    expect(await findSecrets(text, 10)).toEqual([])
  })

  test('cannot be hidden by what the text says', async () => {
    for (const words of ['secretlint-disable', '<!-- secretlint-disable -->', '// secretlint-disable-next-line'])
      expect(await findSecrets(`${words}\n${GITHUB}\n`, 10)).toMatchObject([{ rule: 'github' }])
  })

  test('are found each for itself', async () => {
    const found = await findSecrets(`${PEM}\nwords ----- more words\n${PEM}\n${GITHUB} ${GITHUB}`, 10)
    expect(found.map(({ rule }) => rule)).toEqual(['privatekey', 'privatekey', 'github', 'github'])
    expect(found[0]!.length).toBeLessThanOrEqual(PEM.length)
  })

  test('are told with four characters at most, fewer of short ones, and as nothing else', async () => {
    const found = await sensitive(`amqp://maria:q8Zr;41kk@queue.example.net and ${GITHUB}, 4111 1111 1111 1111`)
    expect(found.map(({ kind, detail }) => [kind, detail])).toEqual([
      ['secret', 'url-password'],
      ['secret', 'github'],
      ['paymentCard', 'visa'],
    ])
    expect(found.slice(0, 2).map(({ masked }) => masked)).toEqual(['q****', 'ghp_****'])
  })

  test('are no more than was asked for', async () => {
    expect(await findSecrets(`${GITHUB} `.repeat(50), 7)).toHaveLength(7)
  })
})

import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { digestField, expectProblem, openOrganization, sha256Of } from './api.ts'
import { answerOn, begin, pngOf, zipOfZeros } from './hostile-bytes.ts'
import { poll } from './poll.ts'
import { serve } from './server.ts'

const served = await serve({ STOWAGE_STALL_SECONDS: '2' })
const { owner } = await openOrganization(served)

const head = ['POST /v1/assets?name=a.txt HTTP/1.1', `Authorization: Bearer ${owner.key}`, 'Content-Type: text/plain']

afterEach(async () => {
  expect((await owner.get('/readyz')).status).toBe(200)
})

describe('a file is refused', () => {
  test('when it is empty, however it is sent', async () => {
    expectProblem(await owner.raw('/v1/assets?name=a.txt', ''), 422, 'upload.empty')
    expectProblem(await owner.form({}, new File([], 'a.txt')), 422, 'upload.empty')
    expectProblem(await owner.post('/v1/assets', { content: '' }), 422, 'upload.empty')
  })

  test('unread when it says that it is 2 GiB', async () => {
    const socket = await begin(served.url, [...head, `Content-Length: ${2 * 1024 ** 3}`])
    const { status, body } = await answerOn(socket)
    expect([status, JSON.parse(body).code]).toEqual([413, 'upload.tooLarge'])
  })

  test('as soon as a body of unknown length goes beyond the limit', async () => {
    const headers = { authorization: `Bearer ${owner.key}`, 'content-type': 'text/plain' }
    const piece = Buffer.alloc(1024 ** 2, 'a')
    let sentBytes = 0
    const status = await new Promise<number | undefined>((settle, fail) => {
      const call = request(`${served.url}/v1/assets?name=a.txt`, { method: 'POST', headers })
      call.once('response', (response) => {
        settle(response.statusCode)
        call.destroy()
      })
      call.on('error', fail)
      const send = () => {
        if (call.destroyed || sentBytes > 200 * piece.length) return
        sentBytes += piece.length
        call.write(piece, send)
      }
      send()
    })
    expect(status).toBe(413)
    expect(sentBytes).toBeLessThan(100 * piece.length)
  })

  test.each([
    ['the type does not take it', 'a.sh', 'text/plain', '#!/bin/sh\nexit 0\n', 'typeNotAllowed'],
    ['its extension lies', 'a.pdf', 'application/pdf', 'only text', 'typeMismatch'],
    ['it is HTML sent as an image', 'a.png', 'image/png', '<!doctype html><script>1</script>', 'typeMismatch'],
    ['it is a program with the name of an image', 'a.jpg', 'image/jpeg', 'MZ\x90\0\x03\0\0\0\x04', 'typeMismatch'],
  ])('when %s', async (_case, name, mediaType, content, code) => {
    const answer = await owner.raw(`/v1/assets?name=${name}`, content, { 'content-type': mediaType })
    expectProblem(answer, 415, `upload.${code}`)
  })

  test('when it unpacks to far more than it is', async () => {
    const headers = { 'content-type': 'application/zip' }
    const answer = await owner.raw(
      '/v1/assets?name=a.zip&assetType=backup_file',
      zipOfZeros(64) as RequestInit['body'],
      headers,
    )
    expectProblem(answer, 422, 'upload.archiveRefused')
  })

  test('when it is a small image of a great many pixels', async () => {
    const headers = { 'content-type': 'image/png' }
    const answer = await owner.raw('/v1/assets?name=a.png', pngOf(60_000, 60_000) as RequestInit['body'], headers)
    expectProblem(answer, 422, 'upload.imageRefused')
  })

  test.each(['../x.txt', 'a/b.txt', 'a\\b.txt', '..', 'a\0b.txt', 'a\nb.txt', 'photo\u202egnp.txt'])(
    'under the name %j',
    async (name) => {
      const answer = await owner.raw(`/v1/assets?name=${encodeURIComponent(name)}`, 'text')
      expectProblem(answer, 422, 'upload.nameInvalid')
      const { id } = await owner.upload('named well')
      expectProblem(await owner.patch(`/v1/assets/${id}`, { name }), 422, 'upload.nameInvalid')
    },
  )

  test('under a name of 300 characters', async () => {
    const answer = await owner.raw(`/v1/assets?name=${'n'.repeat(300)}`, 'text')
    expectProblem(answer, 400, 'request.invalid')
  })

  test('when it has not the hash described', async () => {
    const other = { 'repr-digest': digestField('other') }
    expectProblem(await owner.raw('/v1/assets?name=a.txt', 'text', other), 422, 'upload.digestMismatch')
    const path = `/v1/assets?name=a.txt&sha256=${sha256Of('other')}`
    expectProblem(await owner.raw(path, 'text '.repeat(100_000)), 422, 'upload.digestMismatch')
    for (const malformed of ['sha-256=nothing', 'sha-256=:AAAA:']) {
      const answer = await owner.raw('/v1/assets?name=a.txt', 'text', { 'repr-digest': malformed })
      expectProblem(answer, 400, 'request.invalid')
    }
    expectProblem(await owner.raw('/v1/assets?name=a.txt&sha256=xyz', 'text'), 400, 'request.invalid')
  })
})

describe('a form is refused', () => {
  const FORM = { 'content-type': 'multipart/form-data; boundary=b' }
  const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ntext\r\n'
  const largeFile = file.replace('text', 'text '.repeat(100_000))
  const field = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nvalue\r\n`

  test.each([
    ['without a file', `${field('folder')}--b--\r\n`, 'upload.fileMissing'],
    ['with a field twice', `${field('folder')}${field('folder')}${file}--b--\r\n`, 'request.invalid'],
    [
      'with a field twice, once after the file',
      `${field('folder')}${file}${field('folder')}--b--\r\n`,
      'request.invalid',
    ],
    ['with an unknown field', `${field('colour')}${file}--b--\r\n`, 'request.invalid'],
    ['with two files', `${file}${file}--b--\r\n`, 'request.malformed'],
    ['with the asset type after a large file', `${largeFile}${field('assetType')}--b--\r\n`, 'upload.fieldsAfterFile'],
    ['that breaks off', file, 'request.malformed'],
    ['that is no form', 'nothing of the kind', 'request.malformed'],
  ])('%s', async (_case, body, code) => {
    const before = (await owner.get('/v1/usage')).body.files
    expectProblem(await owner.raw('/v1/assets', body, FORM), 400, code)
    expect((await owner.get('/v1/usage')).body.files).toBe(before)
  })

  test('without a boundary', async () => {
    const answer = await owner.raw('/v1/assets', 'x', { 'content-type': 'multipart/form-data' })
    expectProblem(answer, 400, 'request.malformed')
  })
})

describe('a body that does not arrive', () => {
  test('leaves no asset when the client is gone half-way, and is shown as unfinished', async () => {
    const before = (await owner.get('/v1/usage')).body
    const socket = await begin(served.url, [...head, 'Content-Length: 10000000'])
    socket.write('a'.repeat(1_000_000))
    await poll(async () => (await owner.get('/v1/usage')).body.staging.count > before.staging.count)
    socket.destroy()
    expect((await owner.get('/v1/usage')).body.files).toBe(before.files)
  })

  test.runIf(served.own)('is given up when it stands still', async () => {
    for (const sent of ['a', 'a'.repeat(1_000_000)]) {
      const socket = await begin(served.url, [...head, 'Content-Length: 10000000'])
      socket.write(sent)
      const { status, body } = await answerOn(socket)
      expect([status, JSON.parse(body).code]).toEqual([408, 'request.stalled'])
    }
  })
})

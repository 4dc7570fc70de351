// Tokens: how each kind is asked for, how long it lives, and what ends it.
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { expect, test } from 'vitest'
import { field, openSimulator, userId, type OpenSimulator } from './open-simulator.ts'

const form = (fields: Record<string, string>) => ({
  body: new URLSearchParams({ grant_type: 'client_credentials', ...fields }).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
})

const info = async (line: OpenSimulator, token: string) =>
  (await line.call('/v2/bot/info', { headers: { authorization: `Bearer ${token}` } })).status

test('a stateless token lives for 15 minutes', async () => {
  await using line = await openSimulator()
  const { body } = await line.newToken('channel', 'secret')
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
  const token = field(body, 'access_token')
  expect(await info(line, token)).toBe(200)
  await line.call('/_sim/clock', { body: { advanceMs: 890_000 } })
  expect(await info(line, token)).toBe(200)
  await line.call('/_sim/clock', { body: { advanceMs: 11_000 } })
  expect(await info(line, token)).toBe(401)
})

test('a channel is registered by its first token request and then keeps its secret', async () => {
  await using line = await openSimulator()
  expect((await line.newToken('new', 'first')).status).toBe(200)
  expect(await line.newToken('new', 'second')).toMatchObject({
    status: 400,
    body: { error: 'invalid_client', error_description: expect.any(String) as string },
  })
  await line.call('/_sim/channels', { body: { channelId: 'new', channelSecret: 'second' } })
  expect((await line.newToken('new', 'second')).status).toBe(200)
  expect((await line.newToken('new', 'first')).status).toBe(400)
})

test('with autoChannels off an unknown channel is refused', async () => {
  await using line = await openSimulator()
  await line.call('/_sim/settings', { method: 'PATCH', body: { autoChannels: false } })
  expect((await line.newToken('new', 'first')).status).toBe(400)
  expect((await line.newToken('channel', 'secret')).status).toBe(200)
})

test('revoked tokens are refused, and a new one is good', async () => {
  await using line = await openSimulator()
  const revoked = await line.call('/_sim/tokens/revoke', { body: { channelId: 'channel' } })
  expect(revoked.body).toEqual({ revoked: 1 })
  expect((await line.push(userId(1))).status).toBe(401)
  const { body } = await line.newToken('channel', 'secret')
  expect(await info(line, field(body, 'access_token'))).toBe(200)
})

test('a 31st short-lived token ends the first', async () => {
  await using line = await openSimulator()
  const tokens: string[] = []
  for (let i = 0; i < 31; i++) {
    const { body } = await line.call(
      '/v2/oauth/accessToken',
      form({ client_id: 'channel', client_secret: 'secret' }),
    )
    tokens.push(field(body, 'access_token'))
  }
  expect(await info(line, tokens[0] ?? '')).toBe(401)
  expect(await info(line, tokens[1] ?? '')).toBe(200)
})

test('a token can be verified, and a short-lived one revoked', async () => {
  await using line = await openSimulator()
  const { body } = await line.call(
    '/v2/oauth/accessToken',
    form({ client_id: 'channel', client_secret: 'secret' }),
  )
  const token = field(body, 'access_token')
  const verify = () => line.call(`/oauth2/v2.1/verify?access_token=${token}`)
  expect((await verify()).body).toMatchObject({ client_id: 'channel' })
  await line.call('/v2/oauth/revoke', form({ access_token: token }))
  expect((await verify()).status).toBe(400)
})

function assertion(key: KeyObject, kid: string, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part({
    iss: 'channel',
    sub: 'channel',
    aud: 'https://api.line.me/',
    exp: Math.floor(Date.now() / 1000) + 1000,
    token_exp: 3600,
    ...claims,
  })}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`
}

test('a v2.1 token is given for a JWT that the registered key signed', async () => {
  await using line = await openSimulator()
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await line.call('/_sim/channels', {
    body: {
      channelId: 'channel',
      channelSecret: 'secret',
      publicKeys: { k1: publicKey.export({ format: 'jwk' }) },
    },
  })
  const ask = (path: string, jwt: string) =>
    line.call(
      path,
      form({
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      }),
    )
  const good = await ask('/oauth2/v2.1/token', assertion(privateKey, 'k1', {}))
  expect(good.body).toMatchObject({ expires_in: 3600, key_id: expect.any(String) as string })
  expect((await ask('/oauth2/v3/token', assertion(privateKey, 'k1', {}))).body).toMatchObject({
    expires_in: 900,
  })
  expect((await ask('/oauth2/v2.1/token', assertion(privateKey, 'k2', {}))).status).toBe(404)
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  expect((await ask('/oauth2/v2.1/token', assertion(other, 'k1', {}))).status).toBe(400)
  expect((await ask('/oauth2/v2.1/token', assertion(privateKey, 'k1', { aud: 'x' }))).status).toBe(
    400,
  )
  for (let i = 1; i < 30; i++) await ask('/oauth2/v2.1/token', assertion(privateKey, 'k1', {}))
  const full = await ask('/oauth2/v2.1/token', assertion(privateKey, 'k1', {}))
  expect(full).toMatchObject({ status: 400, body: { message: expect.any(String) as string } })
})

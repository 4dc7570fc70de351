// The token endpoints: stateless (secret or JWT), v2.1 (JWT) and short-lived (secret) tokens.
import { createPublicKey, verify } from 'node:crypto'
import { RATE_EXCEEDED, json, lineError, oauthError, type Answer } from './answers.ts'
import { takeToken, type Channel, type RateName } from './channels.ts'
import { MOST_ALIVE, SHORT_LIVED_MS, STATELESS_MS, type Token } from './tokens.ts'
import { type World } from './world.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Short-lived tokens have a limit of their own; the others print none, so the usual one holds. */
const SHORT_LIVED_PER_SECOND = 370

export interface TokenEndpoints {
  stateless(form: URLSearchParams): Answer
  v21(form: URLSearchParams): Answer
  shortLived(form: URLSearchParams): Answer
  revoke(form: URLSearchParams): Answer
  verify(token: string | null): Answer
}

/** Either the channel that proved itself, or the answer that refuses it. */
type Proof = { channel: Channel; lifeMs: number } | { refused: Answer }

export function createTokenEndpoints(world: World): TokenEndpoints {
  function bySecret(form: URLSearchParams): Proof {
    const channelId = form.get('client_id')
    const channelSecret = form.get('client_secret')
    if (!channelId || !channelSecret)
      return { refused: oauthError('invalid_request', 'client_id and client_secret are required') }
    let channel = world.channels.find(channelId)
    if (channel === undefined && world.settings.autoChannels)
      channel = world.channels.put({ channelId, channelSecret })
    if (channel === undefined) return { refused: oauthError('invalid_client', 'unknown client_id') }
    return channel.channelSecret === channelSecret
      ? { channel, lifeMs: STATELESS_MS }
      : { refused: oauthError('invalid_client', 'invalid client_secret') }
  }

  function byJwt(form: URLSearchParams): Proof {
    const invalid = (why: string) => ({ refused: oauthError('invalid_client', why) })
    if (form.get('client_assertion_type') !== JWT_BEARER)
      return { refused: oauthError('invalid_request', 'client_assertion_type is invalid') }
    const jwt = readJwt(form.get('client_assertion') ?? '')
    if (jwt === undefined) return invalid('client_assertion is not a JWT')
    const { iss, sub, aud, exp, token_exp: tokenExp } = jwt.claims
    const nowSeconds = world.clock.nowMs() / 1000
    if (typeof iss !== 'string' || iss !== sub) return invalid('iss and sub must be the channel id')
    if (aud !== 'https://api.line.me/') return invalid('aud must be https://api.line.me/')
    if (typeof exp !== 'number' || exp < nowSeconds || exp > nowSeconds + 30 * 60 + 60)
      return invalid('exp must be within 30 minutes')
    let channel = world.channels.find(iss)
    if (channel === undefined && world.settings.autoChannels)
      channel = world.channels.put({ channelId: iss, channelSecret: '' })
    if (channel === undefined) return invalid('unknown client_id')
    if (Object.keys(channel.publicKeys).length > 0) {
      const key = channel.publicKeys[jwt.kid]
      if (key === undefined) return { refused: lineError(404, 'The public key is not registered') }
      if (!isSignedBy(jwt, key)) return invalid('invalid signature')
    }
    const life = typeof tokenExp === 'number' ? tokenExp * 1000 : SHORT_LIVED_MS
    return { channel, lifeMs: Math.min(life, SHORT_LIVED_MS) }
  }

  function issue(
    name: string,
    form: URLSearchParams,
    proof: Proof,
    make: (proof: { channel: Channel; lifeMs: number }) => Answer,
    rate: RateName = 'otherPerSecond',
  ): Answer {
    if (form.get('grant_type') !== 'client_credentials')
      return oauthError('unsupported_grant_type', 'grant_type must be client_credentials')
    if ('refused' in proof) return proof.refused
    if (!takeToken(proof.channel, name, rate, world.settings, world.clock.wallMs())) {
      return RATE_EXCEEDED
    }
    return make(proof)
  }

  const tokenAnswer = (token: Token, more: object = {}) =>
    json(200, {
      token_type: 'Bearer',
      access_token: token.value,
      expires_in: Math.round((token.expiresAt - world.clock.nowMs()) / 1000),
      ...more,
    })

  return {
    stateless: (form) =>
      issue(
        'token/v3',
        form,
        form.has('client_assertion') ? byJwt(form) : bySecret(form),
        (proof) => tokenAnswer(world.tokens.issue(proof.channel, 'stateless', STATELESS_MS)),
      ),
    v21: (form) =>
      issue('token/v2.1', form, byJwt(form), ({ channel, lifeMs }) => {
        if (world.tokens.alive(channel, 'v2.1').length >= MOST_ALIVE)
          return lineError(
            400,
            `The number of issued tokens has reached the limit of ${MOST_ALIVE}`,
          )
        const token = world.tokens.issue(channel, 'v2.1', lifeMs)
        return tokenAnswer(token, { key_id: token.keyId })
      }),
    shortLived: (form) =>
      issue(
        'token/short-lived',
        form,
        bySecret(form),
        ({ channel }) => {
          const alive = world.tokens.alive(channel, 'short-lived')
          const oldest = alive[0]
          // LINE says nothing when a 31st token ends the life of the first.
          if (alive.length >= MOST_ALIVE && oldest !== undefined) world.tokens.revoke(oldest.value)
          return tokenAnswer(world.tokens.issue(channel, 'short-lived', SHORT_LIVED_MS))
        },
        SHORT_LIVED_PER_SECOND,
      ),
    revoke(form) {
      const token = world.tokens.find(form.get('access_token') ?? '')
      // A stateless token can't be revoked by its channel.
      if (token !== undefined && token.kind !== 'stateless') world.tokens.revoke(token.value)
      return { status: 200, body: '' }
    },
    verify(value) {
      const token = world.tokens.find(value ?? '')
      if (token === undefined) return oauthError('invalid_request', 'access token expired')
      const seconds = Math.floor((token.expiresAt - world.clock.nowMs()) / 1000)
      return json(200, { client_id: token.channel.channelId, expires_in: seconds, scope: '' })
    },
  }
}

interface Jwt {
  kid: string
  claims: Record<string, unknown>
  signed: string
  signature: Buffer
}

function readJwt(text: string): Jwt | undefined {
  const [head, body, signature] = text.split('.')
  if (head === undefined || body === undefined || signature === undefined) return undefined
  try {
    const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString())
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
    if (typeof header !== 'object' || header === null) return undefined
    if (typeof claims !== 'object' || claims === null) return undefined
    return {
      kid: 'kid' in header && typeof header.kid === 'string' ? header.kid : '',
      claims: { ...claims },
      signed: `${head}.${body}`,
      signature: Buffer.from(signature, 'base64url'),
    }
  } catch {
    return undefined // not JSON, so not a JWT: the caller answers so
  }
}

function isSignedBy({ signed, signature }: Jwt, jwk: Record<string, unknown>): boolean {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify('RSA-SHA256', Buffer.from(signed), key, signature)
}

// The calls to LINE that send nothing, through LINE's SDK: tokens, quota, validation.
import { channelAccessToken, HTTPFetchError, messagingApi } from '@line/bot-sdk'
import { reasonOf } from './classify.ts'
import { within } from './deadline.ts'
import { cleanLineWords, cleanText, readLineWords } from './line-words.ts'
import {
  LineRefusal,
  type ChannelCredentials,
  type ChannelQuota,
  type LineMessage,
} from './port.ts'
import { type IssuedToken, type Tokens } from './tokens.ts'

export interface SdkCallsOptions {
  baseUrl: string
  userAgent: string
  /** Longest wait of a caller. The socket itself is closed by `installLineDispatcher`. */
  deadlineMs: number
}

/**
 * Asks LINE for a stateless token by channel id and secret.
 * @throws LineRefusal, temporary unless LINE said no.
 */
export async function issueToken(
  options: SdkCallsOptions,
  channel: ChannelCredentials,
): Promise<IssuedToken> {
  const client = new channelAccessToken.ChannelAccessTokenClient({
    baseURL: options.baseUrl,
    defaultHeaders: { 'user-agent': options.userAgent },
  })
  const { body } = await translated(options, 'A channel access token', () =>
    client.issueStatelessChannelTokenByClientSecretWithHttpInfo(
      channel.lineChannelId,
      channel.channelSecret,
    ),
  )
  // The SDK's type promises these; a proxy's answer may not keep the promise.
  const { access_token: token, expires_in: expiresInSeconds } = body as Partial<typeof body>
  if (typeof token !== 'string' || typeof expiresInSeconds !== 'number') {
    throw new LineRefusal('The answer to a request for a token holds no token.', true)
  }
  return { token, expiresInSeconds }
}

/** The month's limit and use of a channel. @throws LineRefusal */
export async function readQuota(
  options: SdkCallsOptions,
  tokens: Tokens,
  channel: ChannelCredentials,
): Promise<ChannelQuota> {
  const [quota, consumption] = await Promise.all([
    authorized(options, tokens, channel, 'The quota', (c) => c.getMessageQuotaWithHttpInfo()),
    authorized(options, tokens, channel, 'The quota used', (c) =>
      c.getMessageQuotaConsumptionWithHttpInfo(),
    ),
  ])
  // The SDK's types promise these; a proxy's answer may not keep the promise.
  const { type, value } = quota.body as Partial<typeof quota.body>
  const { totalUsage } = consumption.body as Partial<typeof consumption.body>
  const isLimited = type === 'limited'
  if (typeof totalUsage !== 'number' || (isLimited && typeof value !== 'number')) {
    throw new LineRefusal("The quota endpoints' answer is not in LINE's form.", true)
  }
  return { limit: isLimited && value !== undefined ? value : null, used: totalUsage }
}

/** Null where LINE takes the messages, else LINE's words. @throws LineRefusal for anything that says nothing of them. */
export async function validateMessages(
  options: SdkCallsOptions,
  tokens: Tokens,
  channel: ChannelCredentials,
  lane: 'multicast' | 'push',
  messages: readonly LineMessage[],
): Promise<string | null> {
  // The types of messages that LINE may add are not in the SDK's union, and LINE itself is to judge them here.
  const request = { messages: messages as messagingApi.Message[] }
  try {
    await authorized(options, tokens, channel, 'The validation', (client) =>
      lane === 'multicast'
        ? client.validateMulticastWithHttpInfo(request)
        : client.validatePushWithHttpInfo(request),
    )
    return null
  } catch (error) {
    const cause = error instanceof LineRefusal ? error.cause : undefined
    if (!(cause instanceof HTTPFetchError) || cause.status !== 400) throw error
    return cleanLineWords(readLineWords(cause.body)) || 'LINE refused the messages without a word.'
  }
}

/** A call with the channel's token, repeated once with another after a 401. */
async function authorized<T>(
  options: SdkCallsOptions,
  tokens: Tokens,
  channel: ChannelCredentials,
  what: string,
  call: (client: messagingApi.MessagingApiClient) => Promise<T>,
): Promise<T> {
  const callWith = (token: string) => {
    const client = new messagingApi.MessagingApiClient({
      baseURL: options.baseUrl,
      channelAccessToken: token,
      defaultHeaders: { 'user-agent': options.userAgent },
    })
    return translated(options, what, () => call(client))
  }
  const token = await tokens.get(channel)
  try {
    return await callWith(token)
  } catch (error) {
    const cause = error instanceof LineRefusal ? error.cause : undefined
    if (!(cause instanceof HTTPFetchError) || cause.status !== 401) throw error
    return callWith(await tokens.renew(channel, token))
  }
}

/** Runs a call of the SDK with a deadline; every way in which it fails becomes a LineRefusal. */
async function translated<T>(
  options: SdkCallsOptions,
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await within(call(), options.deadlineMs, what)
  } catch (error) {
    if (error instanceof HTTPFetchError) {
      const { status, body } = error
      const isTemporary = status === 429 || status >= 500
      const said = reasonOf(status, readLineWords(body))
      throw new LineRefusal(`${what} could not be had. ${said}`, isTemporary, error)
    }
    throw new LineRefusal(`${what} could not be had: ${causeOf(error)}`, true, error)
  }
}

/** fetch hides what happened in the cause of its TypeError. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason given.'
  const cause: unknown = error.cause
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    return `LINE was not reached (${cause.code}).`
  }
  return cleanText(cause instanceof Error ? cause.message : error.message)
}

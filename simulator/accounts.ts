// What a channel may ask about its account: quota, consumption, units, itself, a friend, all friends.
import { NOT_FOUND, json, lineError, type Answer } from './answers.ts'
import { usageOf, type Channel } from './channels.ts'
import { type World } from './world.ts'

/** An authenticated GET: its channel and its address. */
export interface AccountRequest {
  channel: Channel
  url: URL
}

export interface Accounts {
  quota(request: AccountRequest): Answer
  consumption(request: AccountRequest): Answer
  aggregationInfo(request: AccountRequest): Answer
  aggregationList(request: AccountRequest): Answer
  info(request: AccountRequest): Answer
  profile(request: AccountRequest): Answer
  followers(request: AccountRequest): Answer
}

const PROFILE = '/v2/bot/profile/'

export function createAccounts(world: World): Accounts {
  const usage = (channel: Channel) => usageOf(channel, world.clock.nowMs())
  return {
    quota: ({ channel }) => json(200, channel.quota ?? world.settings.quota),
    consumption: ({ channel }) => json(200, { totalUsage: usage(channel).sent }),
    aggregationInfo: ({ channel }) =>
      json(200, { numOfCustomAggregationUnits: usage(channel).units.size }),
    aggregationList({ channel, url }) {
      const page = pageOf(url, 100, 100)
      if (page === undefined) return badPage()
      const units = [...usage(channel).units].sort()
      const end = page.start + page.limit
      return json(200, {
        customAggregationUnits: units.slice(page.start, end),
        ...(end < units.length ? { next: cursor(end) } : {}),
      })
    },
    info: ({ channel }) =>
      json(200, {
        userId: `U${Buffer.from(channel.channelId).toString('hex').padStart(32, '0').slice(-32)}`,
        basicId: '@simulated',
        displayName: `Channel ${channel.channelId}`,
        chatMode: 'bot',
        markAsReadMode: 'auto',
      }),
    profile({ url }) {
      const userId = url.pathname.slice(PROFILE.length)
      const phone = world.phones.findId(userId)
      const stranger =
        phone === -1 &&
        world.settings.switches.strangers === 'friend' &&
        /^U[0-9a-f]{32}$/.test(userId)
      if (!stranger && (phone === -1 || !world.phones.isFriend(phone))) return NOT_FOUND
      return json(200, { displayName: `Friend ${userId.slice(-6)}`, userId, language: 'ja' })
    },
    followers({ url }) {
      const page = pageOf(url, 300, 1000)
      if (page === undefined) return badPage()
      const userIds: string[] = []
      let phone = page.start
      for (; phone < world.phones.size && userIds.length < page.limit; phone++)
        if (world.phones.isFriend(phone)) userIds.push(world.phones.idOf(phone))
      return json(200, {
        userIds,
        ...(phone < world.phones.size ? { next: cursor(phone) } : {}),
      })
    },
  }
}

function cursor(start: number): string {
  return Buffer.from(`from:${start}`).toString('base64url')
}

function pageOf(url: URL, usual: number, most: number) {
  const limit = Number(url.searchParams.get('limit') ?? usual)
  const text = Buffer.from(url.searchParams.get('start') ?? '', 'base64url').toString()
  const start = text === '' ? 0 : Number(/^from:(\d+)$/.exec(text)?.[1] ?? NaN)
  const ok = Number.isInteger(limit) && limit >= 1 && limit <= most && Number.isInteger(start)
  return ok ? { limit, start } : undefined
}

function badPage(): Answer {
  return lineError(400, "The value for the 'limit' or 'start' parameter is invalid")
}

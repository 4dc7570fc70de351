// Registers what a delivery needs through the public API, starts it, waits for it, and checks it at the simulator.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, type Client } from '../cli/client.ts'
import { type SimulatedLine } from './simulated-line.ts'

export type Delivery = Answer<'getDelivery'>

export interface Order {
  name: string
  messages: Record<string, unknown>[]
  sql: string
  /** Share of the recipients that can't be reached above which it pauses; default that of campaigns. */
  pauseAtFailedShare?: number
}

/** Any channel will do at the simulator, which registers it with its first token. */
export function createChannel(client: Client, name: string) {
  const lineChannelId = String(1_650_000_000 + Math.floor(Math.random() * 1e8))
  const channelSecret = crypto.randomUUID().replaceAll('-', '')
  return client.call('createChannel', { body: { lineChannelId, channelSecret, name } })
}

/** Makes content, segment and campaign. */
export async function createCampaign(client: Client, channelId: string, order: Order) {
  const { name, messages, sql, ...rules } = order
  const content = await client.call('createContent', { body: { name, messages } })
  const segment = await client.call('createSegment', { body: { name, sql } })
  return client.call('createCampaign', {
    body: { name, channelId, contentId: content.id, segmentId: segment.id, ...rules },
  })
}

export function startCampaign(client: Client, id: string): Promise<Delivery> {
  return client.call('startCampaign', { params: { id }, body: {} })
}

const lookEveryMs = 250

/** Looks at a delivery until it is as wanted. */
export async function waitFor(
  client: Client,
  id: string,
  isWanted: (delivery: Delivery) => boolean,
  onLook: (delivery: Delivery) => void = () => undefined,
): Promise<Delivery> {
  for (;;) {
    const delivery = await client.call('getDelivery', { params: { id } })
    onLook(delivery)
    if (isWanted(delivery)) return delivery
    await sleep(lookEveryMs)
  }
}

export const hasEnded = (delivery: Delivery) => delivery.endedAt !== null

export interface Verdict {
  planned: number
  accepted: number
  rejected: number
  unknown: number
  skipped: number
  unsent: number
  /** Accepted by the account, but in no accepted call at the simulator; null where it can't be read back. */
  lost: number | null
  /** In two or more accepted calls at the simulator. */
  doubled: number | null
  /** In exactly one. */
  once: number | null
  /** The terms make the plan. */
  addsUp: boolean
}

/** Holds a delivery's account against what the simulator received under its aggregation unit. */
export async function judge(
  client: Client,
  line: SimulatedLine | undefined,
  delivery: Delivery,
): Promise<Verdict> {
  const { account, id, aggregationUnit } = delivery
  if (!account) {
    throw new Error(
      `Delivery ${id} ended ${delivery.state}: ${delivery.stateReason ?? 'no account'}`,
    )
  }
  const { planned, accepted, rejected, unknown, skipped, unsent } = account
  const addsUp = planned === accepted + rejected + unknown + skipped + unsent
  if (!line || aggregationUnit === null) {
    return { ...account, lost: null, doubled: null, once: null, addsUp }
  }
  const listed = await client.stream('getRecipients', {
    params: { id },
    query: { outcome: 'accepted' },
  })
  const { once, twice, never, unlisted } = await line.compare(aggregationUnit, listed)
  // Whoever was reached without being accounted for as accepted makes the account untrue as well.
  const isListedRight = once + twice + never === accepted && unlisted <= unknown
  return { ...account, lost: never, doubled: twice, once, addsUp: addsUp && isListedRight }
}

// The simulated LINE as chaos drives it: faults, settings, calls one by one, and how far a delivery has come there.
import { setTimeout as sleep } from 'node:timers/promises'

export type LineLane = 'multicast' | 'push'

export interface LineRule {
  on: LineLane
  when?: Readonly<Record<string, string | number>>
  do: string
  ms?: number
}

export interface LineCall {
  at: number
  endpoint: string
  /** null where it was not answered, or not yet. */
  status: number | null
  accepted: boolean
  recipients: number
  unit: string | null
  requestId: string
  /** null while the answer is out. */
  answeredAt: number | null
}

export interface LineStats {
  calls: number
  accepted: number
  statuses: Record<string, number>
}

export interface LineControl {
  settings(change: Record<string, unknown>): Promise<void>
  /** Adds a fault; resolves with its id. */
  addRule(rule: LineRule): Promise<string>
  removeRule(id: string): Promise<void>
  /** How many calls the fault has fallen on. */
  fired(id: string): Promise<number>
  /** How many tokens there were. */
  revokeTokens(channelId: string): Promise<number>
  changeSecret(channelId: string, channelSecret: string): Promise<void>
  /** Recipients of this month, as the quota counts them. */
  quotaUsed(channelId: string): Promise<number>
  /** Sends that began at or after this instant (ms since the epoch), of the last 10,000. */
  sendsSince(at: number): Promise<LineCall[]>
  /** Users in accepted calls of an aggregation unit. */
  acceptedRecipients(unit: string): Promise<number>
  stats(): Promise<Partial<Record<string, LineStats>>>
  violations(): Promise<{
    byKind: Record<string, number>
    violations: { kind: string; requestId: string }[]
  }>
}

/** The machine may be busy with other runs: a call is tried for so long. */
const tries = 5
const tryAgainMs = 300

export function createLineControl(baseUrl: string): LineControl {
  async function ask(path: string, method = 'GET', body?: unknown): Promise<unknown> {
    for (let n = 1; ; n += 1) {
      try {
        const res = await fetch(`${baseUrl}/_sim/${path}`, {
          method,
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
        const text = await res.text()
        if (!res.ok) throw new Error(`The simulator refuses ${path}: ${res.status} ${text}`)
        return JSON.parse(text) as unknown
      } catch (error) {
        if (n === tries || !(error instanceof TypeError)) throw error
        await sleep(tryAgainMs)
      }
    }
  }
  return {
    async settings(change) {
      await ask('settings', 'PATCH', change)
    },
    addRule: async (rule) => ((await ask('faults', 'POST', rule)) as { id: string }).id,
    async removeRule(id) {
      await ask(`faults/${id}`, 'DELETE')
    },
    async fired(id) {
      const rules = (await ask('faults')) as { id: string; fired: number }[]
      return rules.find((rule) => rule.id === id)?.fired ?? 0
    },
    revokeTokens: async (channelId) =>
      ((await ask('tokens/revoke', 'POST', { channelId })) as { revoked: number }).revoked,
    async changeSecret(channelId, channelSecret) {
      await ask('channels', 'POST', { channelId, channelSecret })
    },
    async quotaUsed(channelId) {
      const channels = (await ask('channels')) as { channelId: string; usage: { sent: number } }[]
      return channels.find((channel) => channel.channelId === channelId)?.usage.sent ?? 0
    },
    async sendsSince(at) {
      const calls = (await ask(`calls?since=${at}`)) as LineCall[]
      return calls.filter(({ endpoint }) => endpoint === 'multicast' || endpoint === 'push')
    },
    async acceptedRecipients(unit) {
      const { recipients } = (await ask(`report?unit=${unit}`)) as {
        recipients: { once: number; twice: number }
      }
      return recipients.once + recipients.twice
    },
    stats: async () => ((await ask('stats')) as { endpoints: Record<string, LineStats> }).endpoints,
    violations: async () =>
      (await ask('violations')) as Awaited<ReturnType<LineControl['violations']>>,
  }
}

// The simulator's control API as system tests need it beyond the benches: single calls, and faults.
import { vi } from 'vitest'

/** A call as the simulator lists it. */
export interface SimulatedCall {
  /** ms since 1970: when its headers had arrived. */
  at: number
  endpoint: string
  /** null where it was not answered, or not yet. */
  status: number | null
  accepted: boolean
  recipients: number
  unit: string | null
  /** null while the answer is out. */
  answeredAt: number | null
  fault: string | null
}

/** What the simulator takes as a fault; see simulator/README.md. */
export interface Fault {
  on: 'push' | 'multicast' | 'any'
  when?: Record<string, string | number>
  do: string
  ms?: number
}

export interface SimulatorControl {
  /** Sends of one aggregation unit, or of all, oldest first, of the last 10,000 calls. */
  calls(unit?: string): Promise<SimulatedCall[]>
  /** Resolves when so many sends of the unit have been called. */
  untilCalls(unit: string, wanted: number, endpoint?: string): Promise<void>
  addFault(fault: Fault): Promise<void>
  /** Kind and number of calls it fell on, in the order added. */
  faults(): Promise<{ do: string; fired: number }[]>
  clearFaults(): Promise<void>
  /** From now on LINE refuses calls that name one of these users, or takes them for friends again. */
  setFriends(userIds: readonly string[], state: 'friend' | 'refused'): Promise<void>
  /** Changes a channel as LINE's console would: its secret, or the month's quota. */
  changeChannel(channel: {
    channelId: string
    channelSecret: string
    quota?: { type: 'limited'; value: number }
  }): Promise<void>
  /** Every token that the channel has now is refused. */
  revokeTokens(channelId: string): Promise<void>
}

const lookEveryMs = 30
const patienceMs = 60_000

export function createSimulatorControl(baseUrl: string): SimulatorControl {
  async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
    const res = await fetch(`${baseUrl}/_sim/${path}`, init)
    if (!res.ok) throw new Error(`The simulator refuses ${path}: ${res.status} ${await res.text()}`)
    return res.json()
  }

  const control: SimulatorControl = {
    async calls(unit) {
      const calls = (await ask('calls')) as SimulatedCall[]
      return unit === undefined ? calls : calls.filter((call) => call.unit === unit)
    },
    async untilCalls(unit, wanted, endpoint) {
      await vi.waitUntil(
        async () => {
          const calls = await control.calls(unit)
          return (
            calls.filter((call) => endpoint === undefined || call.endpoint === endpoint).length >=
            wanted
          )
        },
        { timeout: patienceMs, interval: lookEveryMs },
      )
    },
    async addFault(fault) {
      await ask('faults', { method: 'POST', body: JSON.stringify(fault) })
    },
    faults: async () => (await ask('faults')) as { do: string; fired: number }[],
    async clearFaults() {
      await ask('faults', { method: 'DELETE' })
    },
    async setFriends(userIds, state) {
      await ask(`friends?state=${state}`, { method: 'POST', body: userIds.join('\n') })
    },
    async changeChannel(channel) {
      await ask('channels', { method: 'POST', body: JSON.stringify(channel) })
    },
    async revokeTokens(channelId) {
      await ask('tokens/revoke', { method: 'POST', body: JSON.stringify({ channelId }) })
    },
  }
  return control
}

// An operator in a hurry, an API that dies in an answer, and what needs a person: quota, content, secret, cancel.
import { setTimeout as sleep } from 'node:timers/promises'
import { Refused } from '../../cli/client.ts'
import { type FaultKind, faultKind, NotHit } from './fault.ts'
import { type ChaosSystem } from './system.ts'

const api = 'api'
/** A call may start so long after a pause was answered (delivery-protocol 6). */
const lastCallWithinMs = 2_000
/** The clock of this process and of the simulator are one; its timers are not. */
const toleranceMs = 300

/** Waits, and makes sure that no call started meanwhile. */
async function expectSilence(
  system: ChaosSystem,
  answeredAt: number,
  forMs: number,
): Promise<void> {
  const until = answeredAt + lastCallWithinMs + toleranceMs + forMs
  await sleep(Math.max(0, until - Date.now()), undefined, { signal: system.signal })
  const since = answeredAt + lastCallWithinMs + toleranceMs
  const calls = await system.line.sendsSince(since)
  if (calls.length > 0)
    throw new NotHit(`${calls.length} calls started later than 2 s after the lane was stopped.`)
}

const storm = faultKind({
  name: 'pause-storm',
  draw: (random) => ({ orders: random.whole(20, 60), atOnce: random.whole(1, 4) }),
  run: (system, { orders, atOnce }) =>
    system.parts.alone(['gate'], async () => {
      if (system.isOver()) throw new NotHit('The delivery had ended before.')
      const params = { id: await system.deliveryId }
      const body = { by: 'chaos', why: 'a storm' }
      let refused = 0
      let left = orders
      async function give(): Promise<void> {
        while (left-- > 0) {
          const isPause = left % 2 === 0
          try {
            await (isPause
              ? system.client.call('pauseDelivery', { params, body })
              : system.client.call('resumeDelivery', { params, body }))
          } catch (error) {
            // An API or a Temporal that is away says so; whatever else it is, the last resume decides.
            if (error instanceof Refused && error.document.status < 500) throw error
            refused += 1
          }
        }
      }
      try {
        await Promise.all(Array.from({ length: atOnce }, give))
      } finally {
        await system.operate('resume', 'the storm is over')
      }
      return `${orders} orders, ${refused} of them not carried out because a part was away`
    }),
})

const paused = faultKind({
  name: 'pause',
  draw: (random, facts) => ({ silentMs: facts.ms(random.whole(2_000, 20_000)) }),
  run: (system, { silentMs }) =>
    system.parts.alone(['gate'], async () => {
      if (system.isOver()) throw new NotHit('The delivery had ended before.')
      await system.operate('pause', 'to see that it is silent')
      const answeredAt = Date.now()
      try {
        await expectSilence(system, answeredAt, silentMs)
      } finally {
        await system.operate('resume', 'it was')
      }
      return `silent from 2 s after the answer until the resume`
    }),
})

const rateZero = faultKind({
  name: 'rate-zero',
  draw: (random, facts) => ({
    silentMs: facts.ms(random.whole(5_000, 20_000)),
    thenTimes: random.pick([0.5, 1, 2]),
  }),
  run: (system, { silentMs, thenTimes }) =>
    system.parts.alone(['rate'], async () => {
      const params = { id: system.channel.id }
      const { multicast, push } = system.plan.callsPerSecond
      const setRate = (times: number) =>
        system.insist(() =>
          system.client.call('setChannelRate', {
            params,
            body: {
              multicast: Math.min(200, multicast * times),
              push: Math.min(2_000, push * times),
            },
          }),
        )
      await setRate(0)
      const answeredAt = Date.now()
      try {
        await expectSilence(system, answeredAt, silentMs)
      } finally {
        await setRate(thenTimes)
      }
      return `silent at rate 0, then at ${thenTimes} times the rate`
    }),
})

const apiKilledInPause = faultKind({
  name: 'api-kill-in-pause',
  draw: (random, facts) => ({
    afterMs: random.whole(0, 40),
    pausedForMs: facts.ms(random.whole(1_000, 10_000)),
  }),
  run: (system, { afterMs, pausedForMs }) =>
    system.parts.alone([api, 'gate'], async () => {
      if (system.isOver()) throw new NotHit('The delivery had ended before.')
      const params = { id: await system.deliveryId }
      const body = { by: 'chaos', why: 'to kill the API' }
      let isAnswered = false
      const asked = system.client
        .call('pauseDelivery', { params, body })
        .then(() => {
          isAnswered = true
        })
        .catch(() => undefined)
      await sleep(afterMs)
      const wasAnswered = isAnswered
      await system.parts.kill(api)
      await asked
      await system.parts.bringUp(api)
      await system.operate('pause', 'to kill the API')
      await sleep(pausedForMs)
      await system.operate('resume', 'the API was killed')
      return `killed ${wasAnswered ? 'just after' : 'before'} it answered a pause, which was repeated`
    }),
})

const apiKilledInStart = faultKind({
  name: 'api-kill-in-start',
  point: 'own',
  draw: (random) => ({ afterMs: random.whole(0, 60) }),
  run: (system, { afterMs }) =>
    system.parts.alone([api], async () => {
      // The request to start follows at once, and is repeated until it is answered.
      await sleep(afterMs)
      await system.parts.kill(api)
      await system.parts.bringUp(api)
      const id = await system.deliveryId
      const { items } = await system.insist(() =>
        system.client.call('listDeliveries', { query: { campaignId: system.campaignId } }),
      )
      if (items.length !== 1 || items[0]?.id !== id)
        throw new NotHit(`There are ${items.length} deliveries and not one.`)
      return `killed ${afterMs} ms into a start, which was repeated`
    }),
})

/** Something that only a person can mend: waits for the pause with its reason, then mends it. */
function needsAPerson(options: {
  name: string
  reason: RegExp
  excludes?: readonly string[]
  /** Resolves with what takes the cause away. */
  cause: (system: ChaosSystem) => Promise<() => Promise<unknown>>
}): FaultKind {
  const { name, reason, excludes } = options
  return faultKind({
    name,
    ...(excludes && { excludes }),
    draw: () => ({}),
    effects: () => ({ pausesFor: reason }),
    run: (system) =>
      // Nobody else pauses or resumes meanwhile; the watch over pauses resumes when this is over.
      system.parts.alone(['gate'], async () => {
        const mend = await options.cause(system)
        try {
          await system.until(`it paused for ${name}`, () => {
            const gate = system.last()?.gate
            return gate?.position === 'paused' && reason.test(gate.why ?? '')
          })
        } finally {
          await mend()
        }
        return 'paused with the reason; mended, and resumed by an operator'
      }),
  })
}

const quotaReached = needsAPerson({
  name: 'line-quota',
  reason: /quota/i,
  excludes: ['line-burns-keys'],
  async cause({ line, channel }) {
    const sent = await line.quotaUsed(channel.lineChannelId)
    await line.settings({ quota: { type: 'limited', value: sent } })
    return () => line.settings({ quota: { type: 'none' } })
  },
})

const contentRefused = needsAPerson({
  name: 'line-400-content',
  reason: /content/i,
  excludes: ['line-burns-keys'],
  async cause({ line, unit }) {
    const ids: string[] = []
    for (const on of ['multicast', 'push'] as const)
      ids.push(await line.addRule({ on, do: '400-content', when: { unit } }))
    return () => Promise.all(ids.map((id) => line.removeRule(id)))
  },
})

const secretChanged = needsAPerson({
  name: 'line-secret-changed',
  reason: /token/i,
  async cause(system) {
    const { line, channel, client } = system
    const channelSecret = crypto.randomUUID().replaceAll('-', '')
    await line.changeSecret(channel.lineChannelId, channelSecret)
    await line.revokeTokens(channel.lineChannelId)
    return () =>
      system.insist(() =>
        client.call('updateChannel', { params: { id: channel.id }, body: { channelSecret } }),
      )
  },
})

const tokenRevoked = faultKind({
  name: 'line-token-revoked',
  draw: () => ({}),
  async run(system) {
    const { line, channel } = system
    const refusals = async () => {
      const { multicast, push } = await line.stats()
      return (multicast?.statuses['401'] ?? 0) + (push?.statuses['401'] ?? 0)
    }
    const before = await refusals()
    const revoked = await line.revokeTokens(channel.lineChannelId)
    if (revoked === 0) throw new NotHit('There was no token to revoke.')
    await system.until('a call with a revoked token', async () => (await refusals()) > before)
    return `${revoked} tokens were revoked, and renewed by the product`
  },
})

export const operatorKinds: readonly FaultKind[] = [
  storm,
  paused,
  rateZero,
  apiKilledInPause,
  apiKilledInStart,
  quotaReached,
  contentRefused,
  secretChanged,
  tokenRevoked,
]

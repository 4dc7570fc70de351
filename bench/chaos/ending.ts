// An operator cancels, with requests in doubt and perhaps with the worker killed in the midst of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultKind, faultKind, NotHit } from './fault.ts'

const worker = 'worker'
/** Kinds that want everybody sent to. */
const needEverybody = [
  'line-400-named',
  'line-400-unnamed',
  'line-429-user',
  'line-one-body-500',
  'line-400-after-accept',
  'line-recipients-first',
  'line-strangers',
  'line-burns-keys',
  'rows-broken',
]
/** Of the rate, so that something is left to cancel when the other faults are over. */
const slowed = 0.2

const cancelled = faultKind({
  name: 'cancel',
  point: 'end',
  excludes: needEverybody,
  draw: (random) => ({ killsAfterMs: random.isTrue(0.5) ? random.whole(0, 2_000) : null }),
  effects: () => ({ isCancelled: true }),
  async run(system, { killsAfterMs }) {
    const { parts, ledger, pending, plan, client, channel } = system
    const { multicast, push } = plan.callsPerSecond
    await parts.alone(['rate'], () =>
      system.insist(() =>
        client.call('setChannelRate', {
          params: { id: channel.id },
          body: { multicast: multicast * slowed, push: push * slowed },
        }),
      ),
    )
    await system.until('the other faults were over', () => pending.size <= 1)
    return parts.alone([worker, 'gate'], async () => {
      if (system.isOver()) throw new NotHit('The delivery had ended before.')
      const id = await system.deliveryId
      const before = await system.insist(() => ledger.sums(id))
      await system.operate('cancel', 'to see who is left')
      if (killsAfterMs !== null) {
        await sleep(killsAfterMs)
        await parts.kill(worker)
        await parts.bringUp(worker)
      }
      await system.until('it had ended', () => system.isOver())
      const after = await system.insist(() => ledger.sums(id))
      system.foresee({
        from: 0,
        to: after.recipients - before.settled,
        because: `of ${after.recipients} recipients in begun batches ${before.settled} had an outcome when it was cancelled`,
      })
      return `cancelled${killsAfterMs === null ? '' : `, and the worker killed ${killsAfterMs} ms later`}`
    })
  },
})

export const endingKinds: readonly FaultKind[] = [cancelled]

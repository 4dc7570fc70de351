// Who asks for a permit next: the urgent first, the others as they came.
import { expect, test } from 'vitest'
import { createPermitQueue } from '../../activities/permit-queue.ts'

test('the urgent ask goes before all that wait, and equals go as they came', async () => {
  const inTurn = createPermitQueue()
  const running = Promise.withResolvers<void>()
  const order: string[] = []
  const ask = (name: string, priority: number, until?: Promise<void>) =>
    inTurn('1/push', priority, async () => {
      order.push(name)
      await until
    })
  const asks = [
    ask('running', 5, running.promise),
    ask('low', 5),
    ask('middle', 3),
    ask('low too', 5),
    ask('urgent', 1),
    ask('urgent too', 1),
  ]
  running.resolve()
  await Promise.all(asks)
  expect(order).toEqual(['running', 'urgent', 'urgent too', 'middle', 'low', 'low too'])
})

test('an ask that fails tells its own caller, and the next one has its turn', async () => {
  const inTurn = createPermitQueue()
  const failing = inTurn('1/push', 1, () => Promise.reject(new Error('away')))
  const next = inTurn('1/push', 1, () => Promise.resolve('granted'))
  await expect(failing).rejects.toThrow('away')
  expect(await next).toBe('granted')
})

test('lanes do not wait for each other', async () => {
  const inTurn = createPermitQueue()
  void inTurn('1/push', 1, () => new Promise(() => undefined))
  expect(await inTurn('1/multicast', 5, () => Promise.resolve('granted'))).toBe('granted')
})

// Who asks for a permit next: the urgent first, the others as they came.
import { expect, test } from 'vitest'
import { createPermitQueue } from '../../activities/permit-queue.ts'

/** What is got keeps no lane busy. */
const never = () => 0

test('the urgent ask goes before all that wait, and equals go as they came', async () => {
  const inTurn = createPermitQueue()
  const running = Promise.withResolvers<void>()
  const order: string[] = []
  const ask = (name: string, priority: number, until?: Promise<void>) =>
    inTurn(
      '1/push',
      priority,
      async () => {
        order.push(name)
        await until
      },
      never,
    )
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
  const failing = inTurn('1/push', 1, () => Promise.reject<string>(new Error('away')), never)
  const next = inTurn('1/push', 1, () => Promise.resolve('granted'), never)
  await expect(failing).rejects.toThrow('away')
  expect(await next).toBe('granted')
})

test('lanes do not wait for each other', async () => {
  const inTurn = createPermitQueue()
  void inTurn('1/push', 1, () => new Promise(() => undefined), never)
  expect(await inTurn('1/multicast', 5, () => Promise.resolve('granted'), never)).toBe('granted')
})

test('one urgent batch that comes again in time goes before all others each time', async () => {
  const inTurn = createPermitQueue()
  const order: string[] = []
  const ask = (name: string, priority: number) =>
    inTurn(
      '1/push',
      priority,
      () => Promise.resolve(order.push(name)),
      () => 1_000,
    )
  await ask('urgent', 1)
  const low = ask('low', 5)
  await ask('urgent again', 1)
  await ask('urgent for the last time', 1)
  expect(order).toEqual(['urgent', 'urgent again', 'urgent for the last time'])
  await low
  expect(order.at(-1)).toBe('low')
})

test('others have their turn when an urgent batch does not come again', async () => {
  const inTurn = createPermitQueue()
  const ask = (priority: number) =>
    inTurn(
      '1/push',
      priority,
      () => Promise.resolve('granted'),
      () => 20,
    )
  await ask(1)
  expect(await ask(5)).toBe('granted')
})

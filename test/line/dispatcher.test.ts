import { afterEach, expect, test } from 'vitest'
import { createLine } from '../../line/client.ts'
import { installLineDispatcher } from '../../line/dispatcher.ts'
import { aCall, json, startFakeLine } from './fake-line.ts'

const installed: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const uninstall of installed.splice(0)) await uninstall()
})

test('a call of the SDK to a silent server ends at the deadline with its socket closed', async () => {
  await using fake = await startFakeLine(() => undefined)
  installed.push(installLineDispatcher({ baseUrl: fake.baseUrl, deadlineMs: 150 }))
  // The client's own wait is longer, so that what ends the call is the dispatcher.
  const line = createLine({
    baseUrl: fake.baseUrl,
    deadlineMs: 20_000,
    clock: { now: () => Date.now() },
  })
  await expect(line.quota(aCall().channel)).rejects.toMatchObject({
    name: 'LineRefusal',
    isTemporary: true,
  })
  await Promise.all(fake.seen.map(({ closed }) => closed))
  await line.close()
})

test('a call of the SDK to a server that drips ends at the deadline too', async () => {
  await using fake = await startFakeLine((response) => {
    response.writeHead(200)
    const drip = setInterval(() => response.write(' '), 20)
    response.socket?.once('close', () => clearInterval(drip))
  })
  installed.push(installLineDispatcher({ baseUrl: fake.baseUrl, deadlineMs: 200 }))
  const line = createLine({
    baseUrl: fake.baseUrl,
    deadlineMs: 20_000,
    clock: { now: () => Date.now() },
  })
  await expect(line.quota(aCall().channel)).rejects.toMatchObject({ isTemporary: true })
  await Promise.all(fake.seen.map(({ closed }) => closed))
  await line.close()
})

test('without the dispatcher the caller still gets its answer at the deadline', async () => {
  await using fake = await startFakeLine(() => undefined)
  const line = createLine({
    baseUrl: fake.baseUrl,
    deadlineMs: 150,
    clock: { now: () => Date.now() },
  })
  await expect(line.quota(aCall().channel)).rejects.toThrow(/took longer than/)
  await line.close()
})

test('calls pass, and fetch to other origins is left alone', async () => {
  await using fake = await startFakeLine(json(200, { hello: 'line' }))
  await using other = await startFakeLine((response, request) => {
    setTimeout(() => json(200, { hello: 'other' })(response, request), 2_500)
  })
  installed.push(installLineDispatcher({ baseUrl: fake.baseUrl, deadlineMs: 2_000 }))
  expect(await (await fetch(`${fake.baseUrl}/a?b=c`)).json()).toEqual({ hello: 'line' })
  expect(fake.seen[0]?.path).toBe('/a?b=c')
  expect(await (await fetch(`${other.baseUrl}/x`)).json()).toEqual({ hello: 'other' })
})

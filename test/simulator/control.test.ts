// The control API and the process: settings, resets, and how the simulator starts and stops.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { openSimulator, userId } from './open-simulator.ts'

const MAIN = new URL('../../simulator/main.ts', import.meta.url)

test('settings are changed in part, and what is unknown is refused with its pointer', async () => {
  await using line = await openSimulator()
  const patch = (body: object) => line.call('/_sim/settings', { method: 'PATCH', body })
  const { body } = await patch({ limits: { pushPerSecond: 5 }, switches: { strangers: 'unknown' } })
  expect(body).toMatchObject({
    limits: { pushPerSecond: 5, multicastPerSecond: 200 },
    switches: { strangers: 'unknown', keyClock: 'firstCall' },
  })
  expect(await patch({ latencyMs: 1, switches: { oops: 1 } })).toMatchObject({
    status: 400,
    body: { pointer: '/switches/oops', message: expect.stringContaining('oops') as string },
  })
  expect((await patch({ quota: { type: 'limited' } })).body).toMatchObject({
    pointer: '/quota/value',
  })
  expect((await line.call('/_sim/settings')).body).toMatchObject({ latencyMs: 0 })
})

test('a reset forgets everything, or keeps what it is told to', async () => {
  await using line = await openSimulator()
  const health = async () => (await line.call('/_sim/health')).body
  await line.call('/_sim/settings', { method: 'PATCH', body: { latencyMs: 1 } })
  await line.push(userId(1))
  await line.call('/_sim/reset?keep=phones,settings', { method: 'POST' })
  expect(await health()).toEqual({ status: 'ok', phones: 1 })
  expect((await line.call('/_sim/report')).body).toMatchObject({
    calls: { accepted: 0 },
    units: [],
  })
  expect((await line.push(userId(1))).status).toBe(401)
  await line.call('/_sim/reset', { method: 'POST' })
  expect(await health()).toEqual({ status: 'ok', phones: 0 })
  expect((await line.call('/_sim/settings')).body).toMatchObject({ latencyMs: 0 })
  expect((await line.call('/_sim/reset?keep=cats', { method: 'POST' })).status).toBe(400)
})

test('friends are loaded from a list, and a wrong state is refused', async () => {
  await using line = await openSimulator()
  const body = `${userId(1)}\n${userId(2)}\nnobody\n${userId(1)}\n`
  expect((await line.call('/_sim/friends', { body })).body).toEqual({
    added: 2,
    known: 1,
    malformed: 1,
  })
  expect((await line.call('/_sim/friends?state=gone', { body })).status).toBe(400)
})

test('an unknown control address says so', async () => {
  await using line = await openSimulator()
  expect((await line.call('/_sim/nothing')).status).toBe(404)
})

test('the process says when it listens, refuses a taken port in a sentence and stops on SIGTERM', async () => {
  const start = (port: number) =>
    fork(MAIN, { env: { ...process.env, LFM_SIMULATOR_PORT: String(port) }, silent: true })
  const first = start(0)
  const [ready] = (await once(first, 'message')) as [{ kind: string; port: number }]
  expect(ready.kind).toBe('ready')
  const second = start(ready.port)
  const errors: string[] = []
  second.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
  expect(await once(second, 'close')).toEqual([1, null])
  expect(errors.join('')).toContain(`port ${ready.port} is taken; set LFM_SIMULATOR_PORT`)
  first.kill('SIGTERM')
  expect(await once(first, 'exit')).toEqual([0, null])
})

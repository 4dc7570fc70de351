// Recovering deliveries over HTTP: one, or all that are interrupted.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { toldOpen } from './fakes.ts'
import { makeDelivery, startApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())
afterEach(() => {
  api.workflows.isAway = false
  api.workflows.onTell = toldOpen
})

describe('a recovery', () => {
  const why = 'terminated by mistake'
  const interrupt = async (id: string) => {
    await api.store.deliveries.setPhase(id, 'sending')
    await api.store.deliveries.setInterrupted(id, true)
  }

  test('begins the workflow again, keeps the gate, and is in the history', async () => {
    const { id } = await makeDelivery(api)
    await interrupt(id)
    await api.call('POST', `/deliveries/${id}/pause`, { why: 'first' })
    const recovered = await api.call('POST', `/deliveries/${id}/recover`, { why, by: 'Mio' })
    expect(recovered).toMatchObject({
      status: 200,
      body: { state: 'paused', gate: { why: 'first' } },
    })
    expect(api.workflows.begunAgain).toContain(id)
    const history = await api.call('GET', `/deliveries/${id}/history`)
    expect(JSON.stringify(history.body.items)).toContain('"recovered","by":"Mio"')
  })

  test('can pause first', async () => {
    const { id } = await makeDelivery(api)
    await interrupt(id)
    const recovered = await api.call('POST', `/deliveries/${id}/recover`, { why, paused: true })
    expect(recovered.body).toMatchObject({ state: 'paused', gate: { position: 'paused', why } })
  })

  test('of a delivery that runs, has ended or does not exist is refused', async () => {
    const { id } = await makeDelivery(api)
    api.workflows.running.add(id)
    expect(await api.call('POST', `/deliveries/${id}/recover`, { why })).toMatchObject({
      status: 409,
      body: { type: '/problems/workflow-running' },
    })
    await api.store.deliveries.end(id, 'done', { account: null })
    expect(await api.call('POST', `/deliveries/${id}/recover`, { why })).toMatchObject({
      status: 409,
      body: { type: '/problems/delivery-ended' },
    })
    const nobody = '/deliveries/00000000-0000-4000-8000-000000000000/recover'
    expect((await api.call('POST', nobody, { why })).status).toBe(404)
  })

  test('while Temporal is away changes nothing', async () => {
    const { id } = await makeDelivery(api)
    await interrupt(id)
    api.workflows.isAway = true
    expect((await api.call('POST', `/deliveries/${id}/recover`, { why })).status).toBe(503)
    const shown = await api.call('GET', `/deliveries/${id}`)
    expect(shown.body.state).toBe('interrupted')
  })

  test('of all is told one by one, and takes up only what is interrupted', async () => {
    const [lost, stuck, sound] = [
      await makeDelivery(api),
      await makeDelivery(api),
      await makeDelivery(api),
    ]
    await interrupt(lost.id)
    await interrupt(stuck.id)
    api.workflows.running.add(stuck.id)
    const { body } = await api.call('POST', '/deliveries/recover', { why })
    expect(body.items).toContainEqual({ id: lost.id, isRecovered: true, detail: null })
    expect(body.items).toContainEqual(expect.objectContaining({ id: stuck.id, isRecovered: false }))
    expect(JSON.stringify(body.items)).not.toContain(sound.id)
  })
})

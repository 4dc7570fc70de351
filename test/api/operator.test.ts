// An operator’s orders over HTTP: who and why, what the gate and the workflow say, what is refused.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { emptyAccount } from '../../domain/outcome.ts'
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

describe('an operator', () => {
  const why = 'wrong price'

  test('pauses at the gate first, and is told when the workflow has heard', async () => {
    const { id } = await makeDelivery(api)
    let gateWhenTold: string | undefined
    api.workflows.onTell = async (deliveryId) => {
      gateWhenTold = (await api.store.deliveries.find(deliveryId))?.gate.position
      return toldOpen()
    }
    const paused = await api.call('POST', `/deliveries/${id}/pause`, { why, by: 'Hanako' })
    expect(paused.body).toMatchObject({
      temporal: 'told',
      delivery: { state: 'paused', gate: { position: 'paused', by: 'Hanako', why } },
    })
    expect(gateWhenTold).toBe('paused')
    expect(api.workflows.told).toContainEqual({
      deliveryId: id,
      operation: 'pause',
      // The number tells the workflow that the gate stands there already.
      request: { by: 'Hanako', why, seq: 1 },
    })
    const history = await api.call('GET', `/deliveries/${id}/history`)
    expect(history.body.items).toMatchObject([{}, { kind: 'paused', by: 'Hanako', detail: why }])
  })

  test('is named by the token where nobody else is', async () => {
    const { id } = await makeDelivery(api)
    const paused = await api.call('POST', `/deliveries/${id}/pause`, { why })
    expect(paused.body).toMatchObject({ delivery: { gate: { by: 'tests' } } })
  })

  test.each([
    ['pause', 'paused'],
    ['cancel', 'cancelling'],
  ])('can %s while Temporal is away', async (operation, state) => {
    const { id } = await makeDelivery(api)
    api.workflows.isAway = true
    const done = await api.call('POST', `/deliveries/${id}/${operation}`, { why })
    expect(done).toMatchObject({ status: 200, body: { temporal: 'away', delivery: { state } } })
  })

  test('is answered when the workflow is silent or a call to it fails', async () => {
    const { id } = await makeDelivery(api)
    api.workflows.onTell = async () => ({ kind: 'pending' })
    const paused = await api.call('POST', `/deliveries/${id}/pause`, { why })
    expect(paused.body).toMatchObject({ temporal: 'pending', delivery: { state: 'paused' } })
    api.workflows.onTell = async () => {
      throw new Error('a defect')
    }
    const cancelled = await api.call('POST', `/deliveries/${id}/cancel`, { why })
    expect(cancelled.body).toMatchObject({ temporal: 'pending', delivery: { state: 'cancelling' } })
  })

  test('who pauses what is paused changes nothing', async () => {
    const { id } = await makeDelivery(api)
    const first = await api.call('POST', `/deliveries/${id}/pause`, { why, by: 'Hanako' })
    const second = await api.call('POST', `/deliveries/${id}/pause`, { why: 'too', by: 'Taro' })
    expect(second).toMatchObject({ status: 200, body: first.body })
  })

  test('resumes through the workflow', async () => {
    const { id } = await makeDelivery(api)
    await api.call('POST', `/deliveries/${id}/pause`, { why })
    api.workflows.onTell = async (deliveryId, operation, request) => {
      expect(operation).toBe('resume')
      await api.store.deliveries.moveGate(deliveryId, 'open', request)
      return toldOpen()
    }
    const resumed = await api.call('POST', `/deliveries/${id}/resume`, { why: 'price is right' })
    expect(resumed.body).toMatchObject({
      temporal: 'told',
      delivery: { gate: { position: 'open' } },
    })
  })

  test.each([['away'], ['pending'], ['no-workflow']] as const)(
    'cannot resume when the workflow is %s, and nothing changes',
    async (kind) => {
      const { id } = await makeDelivery(api)
      await api.call('POST', `/deliveries/${id}/pause`, { why })
      api.workflows.onTell = async () => ({ kind })
      const refused = await api.call('POST', `/deliveries/${id}/resume`, { why })
      expect(refused).toMatchObject({ status: 503, body: { type: '/problems/temporal-away' } })
      expect((await api.call('GET', `/deliveries/${id}`)).body.state).toBe('paused')
    },
  )

  test.each([
    ['open', 'no-workflow', false],
    ['paused', 'no-workflow', false],
    ['open', 'away', true],
    ['open', 'pending', true],
  ] as const)(
    'who resumes an interrupted delivery is told to recover it: gate %s, workflow %s',
    async (gate, kind, isSeen) => {
      const { id } = await makeDelivery(api)
      await api.store.deliveries.setPhase(id, 'sending')
      if (gate === 'paused') await api.call('POST', `/deliveries/${id}/pause`, { why })
      await api.store.deliveries.setInterrupted(id, isSeen)
      api.workflows.onTell = async () => ({ kind })
      const refused = await api.call('POST', `/deliveries/${id}/resume`, { why })
      expect(refused).toMatchObject({ status: 409, body: { type: '/problems/operation-refused' } })
      expect(refused.body.detail).toContain(`is interrupted`)
      expect(refused.body.detail).toContain(`lfm delivery recover ${id} --why`)
      expect((await api.store.deliveries.find(id))?.gate.position).toBe(gate)
    },
  )

  test('who resumes a delivery whose workflow was never started is not told that the order is in force', async () => {
    const { id } = await makeDelivery(api)
    api.workflows.onTell = async () => ({ kind: 'no-workflow' })
    const refused = await api.call('POST', `/deliveries/${id}/resume`, { why })
    expect(refused).toMatchObject({ status: 503, body: { type: '/problems/temporal-away' } })
    expect(refused.body.detail).toContain(`lfm delivery recover ${id}`)
  })

  test('is told what the workflow refuses', async () => {
    const { id } = await makeDelivery(api)
    await api.call('POST', `/deliveries/${id}/pause`, { why })
    api.workflows.onTell = async () => ({ kind: 'refused', reason: 'not now' })
    const refused = await api.call('POST', `/deliveries/${id}/resume`, { why })
    expect(refused).toMatchObject({ status: 409, body: { type: '/problems/operation-refused' } })
  })

  test('cannot pause or resume what was cancelled, but may cancel it again', async () => {
    const { id } = await makeDelivery(api)
    await api.call('POST', `/deliveries/${id}/cancel`, { why })
    for (const operation of ['pause', 'resume']) {
      const refused = await api.call('POST', `/deliveries/${id}/${operation}`, { why })
      expect(refused).toMatchObject({ status: 409, body: { type: '/problems/already-cancelled' } })
    }
    expect((await api.call('POST', `/deliveries/${id}/cancel`, { why })).status).toBe(200)
  })

  test.each(['pause', 'resume', 'cancel'])('cannot %s what has ended', async (operation) => {
    const { id } = await makeDelivery(api)
    await api.store.deliveries.end(id, 'done', { account: emptyAccount })
    const refused = await api.call('POST', `/deliveries/${id}/${operation}`, { why })
    expect(refused).toMatchObject({ status: 409, body: { type: '/problems/delivery-ended' } })
  })

  test('must say why', async () => {
    const { id } = await makeDelivery(api)
    for (const body of [undefined, {}, { why: ' ' }, { why: '' }, { why, who: 'x' }]) {
      const refused = await api.call('POST', `/deliveries/${id}/pause`, body)
      expect(refused).toMatchObject({ status: 422, body: { type: '/problems/invalid-body' } })
    }
    expect((await api.call('GET', `/deliveries/${id}`)).body.state).toBe('starting')
  })
})

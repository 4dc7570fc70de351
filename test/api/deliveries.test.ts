// Starting and showing deliveries over HTTP.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { emptyAccount } from '../../domain/outcome.ts'
import { fakeWarehouse, toldOpen } from './fakes.ts'
import { makeCampaign, makeDelivery, startApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())
afterEach(() => {
  api.workflows.isAway = false
  api.workflows.onTell = toldOpen
})

const audience = { segmentRows: 12, malformed: 2, duplicates: 0, excluded: 0, planned: 10 }

function freeze(deliveryId: string) {
  return api.store.plans.commit(deliveryId, {
    attempt: 'a1',
    digest: 'd',
    audience,
    lanes: {
      multicast: { requests: 1, recipients: 10, batchRecipients: [10] },
      push: { requests: 0, recipients: 0, batchRecipients: [] },
    },
  })
}

describe('a start', () => {
  test('makes a delivery, starts its workflow, and shows both', async () => {
    const campaign = await makeCampaign(api)
    const started = await api.call('POST', `/campaigns/${campaign.id}/deliveries`)
    expect(started.status).toBe(201)
    const { id } = started.body
    expect(started.body).toMatchObject({
      campaignId: campaign.id,
      occurrence: 'once',
      state: 'starting',
      startedBy: 'tests',
      workflowId: `delivery/${id}`,
      plan: null,
      account: null,
      gate: { position: 'open', by: null },
      progress: emptyAccount,
    })
    expect(api.workflows.started.filter((one) => one.deliveryId === id)).toEqual([
      { deliveryId: id, lineChannelId: campaign.lineChannelId, summary: 'Sale through Shop' },
    ])
    const history = await api.call('GET', `/deliveries/${id}/history`)
    expect(history.body.items).toMatchObject([{ kind: 'started', by: 'tests' }])
  })

  test('names who starts it, where somebody is named besides the token', async () => {
    const campaign = await makeCampaign(api)
    const path = `/campaigns/${campaign.id}/deliveries`
    const started = await api.call('POST', path, { by: 'Mia' })
    expect(started.body).toMatchObject({ startedBy: 'Mia' })
    expect((await api.call('POST', path, { by: '' })).status).toBe(422)
  })

  test('asked for many times at once, and again later, is one delivery', async () => {
    const campaign = await makeCampaign(api)
    const start = () => api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    const all = [...(await Promise.all(Array.from({ length: 12 }, start))), await start()]
    expect(new Set(all.map(({ body }) => body.id)).size).toBe(1)
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1)
    const listed = await api.call('GET', `/deliveries?campaignId=${campaign.id}`)
    expect(listed.body.items).toMatchObject([{ account: null, progress: emptyAccount }])
  })

  test('asked for again on purpose is another delivery, once for each number', async () => {
    const campaign = await makeCampaign(api)
    const start = (occurrence: unknown) =>
      api.call('POST', `/campaigns/${campaign.id}/deliveries`, { occurrence })
    const first = await start('once')
    const again = await start({ again: 1 })
    const same = await start({ again: 1 })
    expect(again.body.occurrence).toBe('again/1')
    expect(again.body.id).not.toBe(first.body.id)
    expect([same.status, same.body.id]).toEqual([200, again.body.id])
  })

  test.each([['twice'], [{ again: 0 }], [{ again: 'x' }], [{}], [3]])(
    'of the occurrence %j is refused',
    async (occurrence) => {
      const campaign = await makeCampaign(api)
      const refused = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, { occurrence })
      expect(refused.status).toBe(422)
      expect(JSON.stringify(refused.body.errors)).toContain('/occurrence')
    },
  )

  test('is never an error because Temporal is away, and is told when it is asked for again', async () => {
    const campaign = await makeCampaign(api)
    api.workflows.isAway = true
    const started = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    expect(started).toMatchObject({ status: 201, body: { state: 'starting' } })
    api.workflows.isAway = false
    const again = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    expect(again.status).toBe(200)
    expect(api.workflows.started.map((one) => one.deliveryId)).toContain(started.body.id)
  })

  test.each([
    ['that yields no rows', { sql: 'select * from friends limit 0' }, 'no-rows'],
    ['that lacks a variable', { text: 'Hi {{ nickname }}' }, 'nickname'],
  ])('of a segment %s makes nothing', async (_, parts, word) => {
    const campaign = await makeCampaign(api, parts)
    const refused = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    expect(refused).toMatchObject({ status: 422, body: { type: '/problems/segment-refused' } })
    expect(JSON.stringify(refused.body)).toContain(word)
    const listed = await api.call('GET', `/deliveries?campaignId=${campaign.id}`)
    expect(listed.body.items).toEqual([])
  })

  test('repeated after the segment has become unusable still answers with the delivery', async () => {
    const campaign = await makeCampaign(api)
    const started = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    await api.call('PUT', `/segments/${campaign.segmentId}`, {
      name: 'Nobody',
      sql: 'select * from friends limit 0',
    })
    const again = await api.call('POST', `/campaigns/${campaign.id}/deliveries`, {})
    expect([again.status, again.body.id]).toEqual([200, started.body.id])
  })

  test('of a campaign that does not exist is not found', async () => {
    const path = '/campaigns/00000000-0000-4000-8000-000000000000/deliveries'
    expect((await api.call('POST', path, {})).status).toBe(404)
  })
})

describe('a delivery', () => {
  test('shows its plan when it is frozen, and its account when it has ended', async () => {
    const { id } = await makeDelivery(api)
    await freeze(id)
    await api.store.deliveries.setPhase(id, 'sending')
    expect((await api.call('GET', `/deliveries/${id}`)).body).toMatchObject({
      state: 'sending',
      plan: { audience, requests: { multicast: 1, push: 0 } },
      progress: { planned: 10, accepted: 0 },
    })
    const account = { ...emptyAccount, planned: 10, accepted: 9, unsent: 1 }
    await api.store.deliveries.end(id, 'done with failures', { account })
    expect((await api.call('GET', `/deliveries/${id}`)).body).toMatchObject({
      state: 'done with failures',
      account,
      progress: account,
    })
  })

  test('lists its malformed ids once its audience is frozen', async () => {
    const { id } = await makeDelivery(api)
    const early = await api.call('GET', `/deliveries/${id}/malformed`)
    expect(early).toMatchObject({ status: 409, body: { type: '/problems/too-early' } })
    await freeze(id)
    const listed = await api.call('GET', `/deliveries/${id}/malformed?limit=1`)
    expect(listed.body.items).toEqual(['nobody'])
  })

  test('streams its recipients by outcome as CSV, once it has its account', async () => {
    const { id } = await makeDelivery(api)
    const path = `/deliveries/${id}/recipients`
    expect((await api.call('GET', path)).status).toBe(409)
    await api.store.deliveries.end(id, 'done', { account: emptyAccount })
    const res = await api.raw(`/api/v1${path}?outcome=accepted`)
    expect(res.headers.get('content-type')).toContain('text/csv')
    expect((await res.text()).split('\n')).toEqual([
      'user_id',
      ...['a', 'b', 'c'].map((letter) => `U${letter.repeat(32)}`),
      '',
    ])
    expect(await (await api.raw(`/api/v1${path}?outcome=rejected`)).text()).toBe('user_id\n')
    expect((await api.call('GET', `${path}?outcome=unknown`)).status).toBe(503)
    expect((await api.call('GET', `${path}?outcome=lost`)).status).toBe(400)
  })

  test.each([
    ['malformed', 'its audience was frozen; there is none'],
    ['recipients', 'anything was sent, so there is no delivery log'],
  ])(
    'that ended before its audience was frozen has no %s, and will have none',
    async (what, why) => {
      const { id } = await makeDelivery(api)
      await api.store.deliveries.end(id, 'failed before send', { account: null })
      const refused = await api.call('GET', `/deliveries/${id}/${what}`)
      expect(refused).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
      expect(refused.body.detail).toContain(`ended before ${why}`)
    },
  )

  test('is not read on from the warehouse for a caller who has left', async () => {
    const finished = Promise.withResolvers<number>()
    const warehouse = {
      ...fakeWarehouse(),
      async *recipients() {
        let chunks = 0
        try {
          for (;;) {
            chunks += 1
            yield Array.from({ length: 1_000 }, () => `U${'a'.repeat(32)}`)
          }
        } finally {
          finished.resolve(chunks)
        }
      },
    }
    await using endless = await startApi({ warehouse })
    const { id } = await makeDelivery(endless)
    await endless.store.deliveries.end(id, 'done', { account: emptyAccount })
    const res = await endless.raw(`/api/v1/deliveries/${id}/recipients`)
    const reader = res.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    // What the sockets between them hold is some megabytes at most.
    expect(await finished.promise).toBeLessThan(1_000)
    expect(endless.logged.filter((line) => line.includes('"level":50'))).toEqual([])
  })

  test('whose list breaks off in the warehouse breaks off for the caller too', async () => {
    const warehouse = {
      ...fakeWarehouse(),
      async *recipients() {
        yield ['U1']
        throw new Error('the engine fell over')
      },
    }
    await using failing = await startApi({ warehouse })
    const { id } = await makeDelivery(failing)
    await failing.store.deliveries.end(id, 'done', { account: emptyAccount })
    const res = await failing.raw(`/api/v1/deliveries/${id}/recipients`)
    await expect(res.text()).rejects.toThrow()
    expect(failing.logged.join('')).toContain('the engine fell over')
  })

  test('is not found under an id that no delivery has, wherever it is asked for', async () => {
    const path = '/deliveries/00000000-0000-4000-8000-000000000000'
    for (const below of ['', '/events', '/history', '/recipients', '/malformed']) {
      expect((await api.call('GET', `${path}${below}`)).status).toBe(404)
    }
    for (const order of ['pause', 'resume', 'cancel']) {
      expect((await api.call('POST', `${path}/${order}`, { why: 'x' })).status).toBe(404)
    }
  })
})

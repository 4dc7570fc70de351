// Channels, contents, segments and campaigns over HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aChannel, aContent, aSegment, makeCampaign, startApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await startApi()
})
afterAll(() => api[Symbol.asyncDispose]())

const nobody = '00000000-0000-4000-8000-000000000000'

describe('channels', () => {
  test('a channel is registered with the limits of LINE, and its secret is never given back', async () => {
    const made = await api.call('POST', '/channels', aChannel())
    expect(made.status).toBe(201)
    expect(made.body.callsPerSecond).toEqual({ multicast: 200, push: 2000 })
    for (const path of [`/channels/${made.body.id}`, '/channels']) {
      const shown = await api.call('GET', path)
      expect(JSON.stringify(shown.body)).toContain(made.body.id)
      expect(JSON.stringify(shown.body)).not.toContain('a-secret')
    }
    expect(api.logged.join('')).not.toContain('a-secret')
  })

  test('a LINE channel id is registered once', async () => {
    const body = aChannel()
    await api.call('POST', '/channels', body)
    const again = await api.call('POST', '/channels', body)
    expect(again.status).toBe(409)
    expect(again.body).toMatchObject({
      type: '/problems/channel-exists',
      errors: [{ pointer: '/lineChannelId' }],
    })
  })

  test('a rate above that of LINE is refused where it stands', async () => {
    const refused = await api.call('POST', '/channels', {
      ...aChannel(),
      callsPerSecond: { multicast: 201 },
    })
    expect(refused.status).toBe(422)
    expect(refused.body.errors).toEqual([
      {
        pointer: '/callsPerSecond/multicast',
        detail: '"callsPerSecond.multicast" must be at most 200.',
      },
    ])
  })

  test('a new secret makes the API forget the tokens of the channel', async () => {
    const made = await api.call('POST', '/channels', aChannel())
    const changed = await api.call('PATCH', `/channels/${made.body.id}`, {
      name: 'Other',
      channelSecret: 'another',
    })
    expect(changed.body.name).toBe('Other')
    expect(api.forgotten).toContain(made.body.lineChannelId)
    expect(await api.store.channels.secretOf(made.body.id)).toBe('another')
  })

  test('a rate is set in the store and in the queues, and 0 is allowed', async () => {
    const made = await api.call('POST', '/channels', aChannel())
    const set = await api.call('PUT', `/channels/${made.body.id}/rate`, { multicast: 0 })
    expect(set.body).toMatchObject({
      temporal: 'told',
      channel: { callsPerSecond: { multicast: 0, push: 2000 } },
    })
    const { lineChannelId } = made.body
    expect(api.workflows.rates).toContainEqual({
      lineChannelId,
      lane: 'multicast',
      callsPerSecond: 0,
    })
    expect(api.workflows.rates).not.toContainEqual(expect.objectContaining({ lane: 'push' }))
  })

  test('a rate is in force while Temporal is away', async () => {
    const made = await api.call('POST', '/channels', aChannel())
    api.workflows.isAway = true
    const set = await api.call('PUT', `/channels/${made.body.id}/rate`, { push: 10 })
    api.workflows.isAway = false
    expect(set).toMatchObject({ status: 200, body: { temporal: 'away' } })
    const stored = await api.store.channels.find(made.body.id)
    expect(stored?.callsPerSecond.push).toBe(10)
  })

  test('a rate without a lane is refused', async () => {
    const made = await api.call('POST', '/channels', aChannel())
    const refused = await api.call('PUT', `/channels/${made.body.id}/rate`, {})
    expect(refused).toMatchObject({ status: 422, body: { type: '/problems/invalid-body' } })
  })
})

describe('contents', () => {
  test('a content tells its variables, sorted', async () => {
    const made = await api.call('POST', '/contents', aContent('{{ name }}: {{ amount }}'))
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ version: 1, variables: ['amount', 'name'] })
  })

  test('a revision is a new version, and the old one stays', async () => {
    const made = await api.call('POST', '/contents', aContent('one'))
    const path = `/contents/${made.body.id}`
    const revised = await api.call('PUT', path, aContent('two'))
    expect(revised.body.version).toBe(2)
    const old = await api.call('GET', `${path}?version=1`)
    expect(old.body.messages).toEqual([{ type: 'text', text: 'one' }])
    expect((await api.call('GET', path)).body.version).toBe(2)
    expect((await api.call('GET', `${path}?version=3`)).status).toBe(404)
  })

  test('messages that LINE would refuse are refused with pointers into the body', async () => {
    const refused = await api.call('POST', '/contents', {
      name: 'Bad',
      messages: [{ type: 'text', text: 'ok' }, { type: 'text' }],
    })
    expect(refused).toMatchObject({ status: 422, body: { type: '/problems/content-refused' } })
    expect(JSON.stringify(refused.body.errors)).toContain('"/messages/1/text"')
  })

  test('Liquid that cannot be read is refused where it stands', async () => {
    const refused = await api.call('POST', '/contents', aContent('{{ name '))
    expect(refused).toMatchObject({
      status: 422,
      body: { type: '/problems/content-refused', errors: [{ pointer: '/messages/0/text' }] },
    })
  })
})

describe('segments', () => {
  test('a segment is stored in the dialect of the warehouse', async () => {
    const made = await api.call('POST', '/segments', aSegment())
    expect(made.body).toMatchObject({ dialect: 'duckdb', sql: aSegment().sql })
    const path = `/segments/${made.body.id}`
    const changed = await api.call('PUT', path, { ...aSegment(), name: 'Renamed' })
    expect(changed.body.name).toBe('Renamed')
    expect((await api.call('GET', path)).body.name).toBe('Renamed')
  })

  test('SQL that the warehouse refuses is refused with its words and the place', async () => {
    for (const [method, path] of [
      ['POST', '/segments'],
      ['POST', '/segments/preview'],
    ] as const) {
      const body = { sql: 'select * from nowhere', ...(path === '/segments' && { name: 'x' }) }
      const refused = await api.call(method, path, body)
      expect(refused).toMatchObject({ status: 422, body: { type: '/problems/segment-refused' } })
      expect(refused.body.detail).toBe(
        'Table with name nowhere does not exist! (line 1, column 15)',
      )
      expect(JSON.stringify(refused.body.errors)).toContain('unknown-table')
    }
  })

  test('a preview shows the columns and keeps nothing', async () => {
    const before = await api.call('GET', '/segments')
    const shown = await api.call('POST', '/segments/preview', { sql: 'select 1 limit 0' })
    expect(shown.body).toMatchObject({ hasRows: false, columns: [{ name: 'user_id' }, {}] })
    expect(await api.call('GET', '/segments')).toMatchObject({ body: before.body })
  })

  test('a warehouse that fails is not blamed on the SQL', async () => {
    const failed = await api.call('POST', '/segments/preview', { sql: 'broken engine' })
    expect(failed).toMatchObject({ status: 503, body: { type: '/problems/warehouse-away' } })
    expect(JSON.stringify(failed.body)).not.toContain('fell over')
    expect(api.logged.join('')).toContain('fell over')
  })
})

describe('campaigns', () => {
  test('a campaign has defaults for what is left out', async () => {
    const { id } = await makeCampaign(api)
    const shown = await api.call('GET', `/campaigns/${id}`)
    expect(shown.body).toMatchObject({ priority: 3, timeZone: 'Asia/Tokyo', locale: 'ja' })
    expect(shown.body.aggregationUnit).toMatch(/^lfm_[0-9a-f]{8}$/)
  })

  test('the share at which deliveries pause is a tenth, or as it is said, and theirs from then on', async () => {
    const { id: _, lineChannelId: __, ...ids } = await makeCampaign(api)
    const plain = await api.call('POST', '/campaigns', { name: 'x', ...ids })
    const careful = await api.call('POST', '/campaigns', {
      name: 'x',
      ...ids,
      pauseAtFailedShare: 0.02,
    })
    expect([plain.body['pauseAtFailedShare'], careful.body['pauseAtFailedShare']]).toEqual([
      0.1, 0.02,
    ])
    const started = await api.call('POST', `/campaigns/${careful.body.id}/deliveries`, {})
    expect(started.body['pauseAtFailedShare']).toBe(0.02)
  })

  test('every reference to nothing is named', async () => {
    const refused = await api.call('POST', '/campaigns', {
      name: 'x',
      channelId: nobody,
      contentId: nobody,
      segmentId: nobody,
    })
    expect(refused).toMatchObject({
      status: 422,
      body: {
        type: '/problems/unknown-reference',
        errors: [{ pointer: '/channelId' }, { pointer: '/contentId' }, { pointer: '/segmentId' }],
      },
    })
  })

  test.each([
    ['timeZone', 'Mars/Olympus'],
    ['timeZone', '+09:00'],
    ['locale', 'not a locale'],
    ['aggregationUnit', 'a-b'],
    ['priority', 6],
    ['pauseAtFailedShare', 1.1],
    ['channelId', 'x'],
  ])('a %s of %j is refused', async (field, value) => {
    const { id: _, ...references } = await makeCampaign(api)
    const { lineChannelId: __, ...ids } = references
    const refused = await api.call('POST', '/campaigns', { name: 'x', ...ids, [field]: value })
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer: `/${field}` }] } })
  })
})

test.each(['channels', 'contents', 'segments', 'campaigns', 'deliveries'])(
  'an id that nobody has, or that is none, is not found among %s',
  async (what) => {
    for (const id of [nobody, 'x', "1' or 1=1"]) {
      const missing = await api.call('GET', `/${what}/${encodeURIComponent(id)}`)
      expect(missing).toMatchObject({ status: 404, body: { type: '/problems/not-found' } })
    }
  },
)

// Channels: one record for each LINE channel, its secret sealed; and tokens of which only a digest is kept.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ChannelExists } from '../../store/channels.ts'
import { createStore } from '../../store/store.ts'
import { openStore, type OpenStore } from './open-store.ts'

let opened: OpenStore

beforeAll(async () => {
  opened = await openStore()
})
afterAll(() => opened[Symbol.asyncDispose]())

const input = {
  lineChannelId: '1234567890',
  channelSecret: 'the channel secret',
  name: 'Shop',
  callsPerSecond: { multicast: 200, push: 2_000 },
}

test('a LINE channel id has one record, even when two are made at once', async () => {
  const { channels } = opened.store
  const made = await Promise.allSettled(
    ['one', 'other', 'third'].map((name) => channels.create({ ...input, name })),
  )
  const refused = made.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  expect(refused).toHaveLength(2)
  for (const reason of refused) {
    expect(reason).toBeInstanceOf(ChannelExists)
    expect(reason).toMatchObject({ message: 'A channel with LINE channel id 1234567890 exists.' })
  }
  const named = (await channels.list()).filter(
    ({ lineChannelId }) => lineChannelId === '1234567890',
  )
  expect(named).toHaveLength(1)
})

test('the secret is sealed in the database, opened with the key, and refused with another', async () => {
  const { channels } = opened.store
  const { id } = await channels.create({ ...input, lineChannelId: '42' })
  const stored = JSON.stringify(await opened.query('select * from channel'))
  expect(stored).not.toContain(input.channelSecret)
  expect(await channels.secretOf(id)).toBe(input.channelSecret)
  await channels.update(id, { channelSecret: 'a new one' })
  expect(await channels.secretOf(id)).toBe('a new one')
  expect(await channels.secretOf(crypto.randomUUID())).toBeUndefined()

  const stranger = createStore({
    databaseUrl: opened.databaseUrl,
    secretKey: randomBytes(32),
    connections: 1,
  })
  try {
    await expect(stranger.channels.secretOf(id)).rejects.toThrow(/LFM_SECRET_KEY is not the key/)
  } finally {
    await stranger.close()
  }
})

test('a rate is set for the lanes that are named, and bounded by what LINE allows', async () => {
  const { channels } = opened.store
  const { id } = await channels.create({ ...input, lineChannelId: '43' })
  const changed = await channels.setRate(id, { push: 0 })
  expect(changed?.callsPerSecond).toEqual({ multicast: 200, push: 0 })
  expect((await channels.find(id))?.callsPerSecond).toEqual({ multicast: 200, push: 0 })
  await expect(channels.setRate(id, { multicast: 201 })).rejects.toThrow(/channel_multicast_rate/)
  expect(await channels.setRate(crypto.randomUUID(), { push: 1 })).toBeUndefined()
})

test('of a token that is let in only a digest is kept', async () => {
  const { apiTokens } = opened.store
  const token = 'a token of 24 characters'
  await apiTokens.allow(token, 'Mio')
  await apiTokens.allow(token, 'somebody else')
  expect(await apiTokens.nameOf(token)).toBe('Mio')
  expect(await apiTokens.nameOf('another')).toBeUndefined()
  expect(JSON.stringify(await opened.query('select * from api_token'))).not.toContain(token)
})

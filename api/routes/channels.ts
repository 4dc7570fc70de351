// Routes of channels.
import { type z } from 'zod'
import { lanes } from '../../domain/lane.ts'
import { Problem } from '../problem.ts'
import { reply, route } from '../route.ts'
import {
  channel,
  channelChange,
  channelInput,
  channelList,
  channelRate,
  channelRateAnswer,
  channelWithRates,
} from '../schemas/channel.ts'
import { idParams } from '../schemas/wire.ts'
import { channelView, channelWithRatesView } from '../views.ts'

const tag = 'channels'
type Rates = z.output<typeof channelRate>

/** Without the lanes that the body leaves out. */
const rated = ({ multicast, push }: Rates) => ({
  ...(multicast !== undefined && { multicast }),
  ...(push !== undefined && { push }),
})

const notFound = (id: string) => new Problem('not-found', `There is no channel ${id}.`)

export const channelRoutes = [
  route({
    method: 'post',
    path: '/channels',
    operationId: 'createChannel',
    summary: 'Registers a LINE channel.',
    tag,
    body: channelInput,
    answers: { 201: channel },
    problems: ['channel-exists'],
    handle: async ({ store }, { body }) =>
      reply(201, channelView(await store.channels.create(body))),
  }),
  route({
    method: 'get',
    path: '/channels',
    operationId: 'listChannels',
    summary: 'Lists channels, oldest first.',
    tag,
    answers: { 200: channelList },
    problems: [],
    handle: async ({ store }) =>
      reply(200, { items: (await store.channels.list()).map(channelView) }),
  }),
  route({
    method: 'get',
    path: '/channels/{id}',
    operationId: 'getChannel',
    summary: 'Shows a channel, and the rates in force on its lanes.',
    tag,
    params: idParams,
    answers: { 200: channelWithRates },
    problems: ['not-found'],
    handle: async ({ store }, { params }) => {
      const found = await store.channels.find(params.id)
      if (!found) throw notFound(params.id)
      return reply(200, await channelWithRatesView(store, found))
    },
  }),
  route({
    method: 'patch',
    path: '/channels/{id}',
    operationId: 'updateChannel',
    summary: "Changes a channel's name or secret.",
    tag,
    params: idParams,
    body: channelChange,
    answers: { 200: channel },
    problems: ['not-found'],
    handle: async ({ store, line }, { params, body }) => {
      const changed = await store.channels.update(params.id, body)
      if (!changed) throw notFound(params.id)
      if (body.channelSecret !== undefined) line.forgetChannel(changed.lineChannelId)
      return reply(200, channelView(changed))
    },
  }),
  route({
    method: 'put',
    path: '/channels/{id}/rate',
    operationId: 'setChannelRate',
    summary: 'Sets how many calls a second a channel may spend on a lane, at once; 0 stops it.',
    tag,
    params: idParams,
    body: channelRate,
    answers: { 200: channelRateAnswer },
    problems: ['not-found'],
    handle: async ({ store, workflows, log }, { params, body }) => {
      // The store first: permits are the exact guard, and act whether Temporal is there or not.
      const changed = await store.channels.setRate(params.id, rated(body))
      if (!changed) throw notFound(params.id)
      const told = await Promise.all(
        lanes
          .filter((lane) => body[lane] !== undefined)
          .map((lane) =>
            workflows
              .setLaneRate(changed.lineChannelId, lane, changed.callsPerSecond[lane])
              .catch((error: unknown) => {
                log.error({ err: error, channelId: changed.id, lane }, 'queue rate not set')
                return 'away' as const
              }),
          ),
      )
      const temporal = told.includes('away') ? 'away' : 'told'
      return reply(200, { channel: channelView(changed), temporal })
    },
  }),
]

// Channels on the wire.
import { z } from 'zod'
import { lineCallsPerSecond } from '../../domain/lane.ts'
import { answerType, bodyType, id, instant, listOf, name } from './wire.ts'

const secret = z
  .string()
  .min(1)
  .max(200)
  .describe('The channel secret of LINE Developers Console. It is sealed and never given back.')

const rate = (lane: 'multicast' | 'push') =>
  z
    .number()
    .min(0)
    .max(lineCallsPerSecond[lane])
    .describe(`Calls a second; LINE allows ${lineCallsPerSecond[lane]}. 0 stops the lane.`)

export const channelInput = bodyType(
  'ChannelInput',
  z.strictObject({
    lineChannelId: z
      .string()
      .regex(/^[0-9]{1,20}$/, { error: "must be LINE's channel id: 1 to 20 digits, as a string." })
      .describe("LINE's channel id, digits. It never changes."),
    channelSecret: secret,
    name,
    callsPerSecond: z
      .strictObject({
        multicast: rate('multicast').default(lineCallsPerSecond.multicast),
        push: rate('push').default(lineCallsPerSecond.push),
      })
      .prefault({}),
  }),
)

export const channelChange = bodyType(
  'ChannelChange',
  z.strictObject({ name: name.optional(), channelSecret: secret.optional() }),
)

export const channelRate = bodyType(
  'ChannelRate',
  z
    .strictObject({ multicast: rate('multicast').optional(), push: rate('push').optional() })
    .refine(({ multicast, push }) => multicast !== undefined || push !== undefined, {
      error: 'must name multicast, push, or both.',
    }),
)

export const channel = answerType(
  'Channel',
  z.strictObject({
    id,
    lineChannelId: z.string(),
    name: z.string(),
    callsPerSecond: z.strictObject({ multicast: z.number(), push: z.number() }),
    createdAt: instant,
    updatedAt: instant,
  }),
)

const currentRate = z.strictObject({
  callsPerSecond: z
    .number()
    .describe(
      'The rate in force: the set one, or less after LINE answered calls with 429 because other senders use the channel.',
    ),
  loweredAt: instant
    .nullable()
    .describe('When it was last lowered; null where the set rate is in force.'),
})

export const channelWithRates = answerType(
  'ChannelWithRates',
  z.strictObject({
    ...channel.shape,
    currentRates: z.strictObject({ multicast: currentRate, push: currentRate }),
  }),
)

export const channelList = answerType('ChannelList', listOf(channel))

export const channelRateAnswer = answerType(
  'ChannelRateAnswer',
  z.strictObject({
    channel,
    temporal: z
      .enum(['told', 'away'])
      .describe(
        "The rate is in force for every LINE call in any case; whether Temporal's queues were set too.",
      ),
  }),
)

// Deliveries on the wire: what is shown of one, what an operator may order, and what is answered.
import { z } from 'zod'
import { outcomes } from '../../domain/outcome.ts'
import { answerType, bodyType, count, id, instant, listOf } from './wire.ts'

const perLane = z.strictObject({ multicast: count, push: count })

const account = answerType(
  'Account',
  z
    .strictObject({
      planned: count,
      accepted: count,
      rejected: count,
      unknown: count,
      skipped: count,
      unsent: count,
    })
    .describe('How many recipients came to which outcome.'),
)

const phases = ['starting', 'freezing', 'sending', 'reconciling'] as const
const ends = [
  'done',
  'done with failures',
  'cancelled during send',
  'cancelled',
  'failed before send',
] as const

const facts = {
  id,
  campaignId: id,
  occurrence: z.string().describe('once, or again/<n>.'),
  channelId: id,
  contentId: id,
  contentVersion: count,
  segmentId: id,
  priority: z.int(),
  timeZone: z.string(),
  locale: z.string(),
  aggregationUnit: z.string().nullable(),
  renderedAsOf: instant.describe("Liquid's now, for every recipient."),
  workflowId: z.string().describe('Of the workflow in Temporal.'),
  state: z
    .enum([...phases, 'paused', 'cancelling', 'interrupted', ...ends])
    .describe('What matters most now: the end, interrupted, cancelling, paused, or the phase.'),
  phase: z.enum([...phases, ...ends]),
  stateReason: z.string().nullable(),
  gate: z
    .strictObject({
      position: z.enum(['open', 'paused', 'cancelled']),
      by: z.string().nullable(),
      why: z.string().nullable(),
      at: instant.nullable(),
    })
    .describe('Whether calls to LINE may start; by whom and why it was last moved.'),
  startedBy: z.string(),
  createdAt: instant,
  endedAt: instant.nullable(),
  account: account.nullable().describe('The account at the end; null until then.'),
}

export const deliverySummary = answerType('DeliverySummary', z.strictObject(facts))

export const deliveryList = answerType('DeliveryList', listOf(deliverySummary))

export const delivery = answerType(
  'Delivery',
  z.strictObject({
    ...facts,
    plan: z
      .strictObject({
        audience: z.strictObject({
          segmentRows: count,
          malformed: count,
          duplicates: count,
          excluded: count,
          planned: count,
        }),
        requests: perLane,
        recipients: perLane,
      })
      .nullable()
      .describe('The frozen request plan; null until the audience is frozen.'),
    progress: account.describe('Outcomes so far, from the ledger; planned is 0 before the freeze.'),
  }),
)

export const deliveryQuery = z.strictObject({
  campaignId: id.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

export const operatorInput = bodyType(
  'OperatorInput',
  z.strictObject({
    why: z
      .string()
      .min(1)
      .max(500)
      .regex(/\S/, { error: 'must say why.' })
      .describe('Shown to everybody who looks at the delivery.'),
    by: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Who orders it; the name of the token where it is left out.'),
  }),
)

export const operatorAnswer = answerType(
  'OperatorAnswer',
  z.strictObject({
    delivery,
    temporal: z
      .enum(['told', 'pending', 'away'])
      .describe(
        'The gate has moved in any case. Whether the workflow has answered, will be told, or Temporal is away.',
      ),
  }),
)

export const historyList = answerType(
  'DeliveryHistory',
  listOf(
    z.strictObject({
      id: count,
      at: instant,
      kind: z.string(),
      by: z.string().nullable(),
      detail: z.string().nullable(),
    }),
  ),
)

export const recipientsQuery = z.strictObject({
  outcome: z.enum(outcomes as readonly [(typeof outcomes)[number]]).default('accepted'),
})

export const malformedQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(100),
})

export const malformedList = answerType('MalformedIds', listOf(z.string()))

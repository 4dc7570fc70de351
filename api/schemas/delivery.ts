// Deliveries on the wire: what is shown of one, what an operator may order, and what is answered.
import { z } from 'zod'
import { alertKinds } from '../../domain/alert.ts'
import { outcomes, type RetriedOutcome } from '../../domain/outcome.ts'
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

/** Outcomes that may be retried. */
export const retriedOutcomes = [
  'unsent',
  'rejected',
  'skipped',
  'unknown',
] as const satisfies readonly RetriedOutcome[]

const facts = {
  id,
  campaignId: id,
  occurrence: z.string().describe('once, again/<n>, or retry/<delivery>/<n>.'),
  channelId: id,
  contentId: id,
  contentVersion: count,
  segmentId: id,
  priority: z.int(),
  timeZone: z.string(),
  locale: z.string(),
  aggregationUnit: z.string().nullable(),
  pauseAtFailedShare: z
    .number()
    .describe("Share of the plan above which it pauses; the campaign's when it began."),
  retry: z
    .strictObject({ of: id, outcomes: z.array(z.enum(retriedOutcomes)) })
    .nullable()
    .describe('The ended delivery whose recipients of these outcomes it is for; null for others.'),
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
  progress: account.describe('Outcomes so far, from the ledger; planned is 0 before the freeze.'),
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
    splitCalls: count.describe(
      'Calls spent on requests that LINE refused for some recipient, to find whom; each part is one.',
    ),
    warehouseUsage: z
      .strictObject({ jobs: count, bytesProcessed: count, bytesBilled: count, slotMs: count })
      .nullable()
      .describe('What its jobs in BigQuery took so far; null before the first, and on DuckDB.'),
    doing: z
      .strictObject({
        what: z.string(),
        waitsFor: z.string().nullable().describe('null where it goes on without waiting.'),
        since: instant.describe('When it began to do so, or to wait.'),
        lastOutcomeAt: instant.nullable().describe('When somebody last got an outcome.'),
      })
      .describe("In plain words; times in them are of the campaign's time zone."),
    alerts: z
      .array(
        z.strictObject({
          kind: z.enum(alertKinds),
          waitsFor: z.string(),
          since: instant,
          raisedAt: instant,
        }),
      )
      .describe('The alerts that are open, oldest first.'),
  }),
)

export const deliveryQuery = z.strictObject({
  campaignId: id.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

const operatorFields = z.strictObject({
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
})

export const operatorInput = bodyType('OperatorInput', operatorFields)

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

export const recoverInput = bodyType(
  'RecoverInput',
  operatorFields.extend({
    paused: z
      .boolean()
      .default(false)
      .describe('Pauses it first, so that nothing is sent before it is resumed.'),
  }),
)

export const recoveryList = answerType(
  'RecoveryList',
  listOf(z.strictObject({ id, isRecovered: z.boolean(), detail: z.string().nullable() })),
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

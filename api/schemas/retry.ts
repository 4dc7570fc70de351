// The order to retry a delivery on the wire.
import { z } from 'zod'
import { retriedOutcomes } from './delivery.ts'
import { bodyType, count } from './wire.ts'

export const retryInput = bodyType(
  'RetryInput',
  z.strictObject({
    outcomes: z
      .array(z.enum(retriedOutcomes))
      .min(1)
      .max(retriedOutcomes.length)
      .default(['unsent'])
      .describe('Whose recipients are sent to again.'),
    number: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1)
      .describe(
        'Which retry of the delivery this is. The same one asked for twice is one delivery.',
      ),
    mayReachTwice: count
      .optional()
      .describe(
        'With unknown: how many recipients it may reach a second time. It must be their number in the account.',
      ),
    by: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Who orders it; the name of the token where it is left out.'),
    why: z
      .string()
      .min(1)
      .max(500)
      .regex(/\S/, { error: 'must say why.' })
      .optional()
      .describe('Shown in the histories of both deliveries.'),
  }),
)

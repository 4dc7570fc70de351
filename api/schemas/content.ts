// Contents on the wire.
import { z } from 'zod'
import { answerType, bodyType, count, id, instant, listOf, name } from './wire.ts'

const messages = z
  .array(z.record(z.string(), z.unknown()))
  .min(1)
  .max(5)
  .describe('1 to 5 LINE message objects, with Liquid in their texts.')

export const contentInput = bodyType(
  'ContentInput',
  z.strictObject({
    name,
    messages,
    notificationDisabled: z
      .boolean()
      .default(false)
      .describe('Whether phones stay silent: notificationDisabled of the Messaging API.'),
  }),
)

export const contentQuery = z.strictObject({
  version: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
})

export const content = answerType(
  'Content',
  z.strictObject({
    id,
    name: z.string(),
    version: count,
    messages: z.array(z.unknown()),
    notificationDisabled: z.boolean(),
    variables: z.array(z.string()).describe('Columns that a segment must yield, sorted.'),
    createdAt: instant.describe('When this version was made.'),
  }),
)

export const contentList = answerType('ContentList', listOf(content))

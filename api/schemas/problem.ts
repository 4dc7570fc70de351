// The problem document on the wire (RFC 9457).
import { z } from 'zod'
import { answerType } from './wire.ts'

export const problem = answerType(
  'Problem',
  z.strictObject({
    type: z.string().describe('/problems/<kind>; the page there explains the kind.'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().describe('urn:uuid: and the id of the request in the log.'),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().optional().describe('JSON pointer into the body.'),
          parameter: z.string().optional().describe('Name of a query parameter.'),
          detail: z.string(),
        }),
      )
      .optional(),
  }),
)

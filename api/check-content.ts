// Reads a content's messages: LINE's rules for message objects, and the variables of their Liquid.
import { createMessageTemplate, TemplateRefused } from '../line/message-template.ts'
import { type ContentCheck } from './deps.ts'

/** The instant, time zone and locale matter to what is rendered, not to what is allowed. */
const anyDelivery = { now: '2000-01-01T00:00:00.000Z', timeZone: 'UTC', locale: 'en' }

/** Whether messages can be saved: texts with Liquid are checked again when they have been rendered. */
export function checkContent(messages: readonly unknown[]): ContentCheck {
  try {
    const { variables } = createMessageTemplate({ messages, ...anyDelivery })
    return { kind: 'usable', variables: [...variables] }
  } catch (error) {
    if (!(error instanceof TemplateRefused)) throw error
    const problems = error.problems.map(({ pointer, problem }) => ({ pointer, detail: problem }))
    return { kind: 'refused', problems }
  }
}

// A batch as it will go over the wire: every request rendered, and a digest over all of it.
import { createHash } from 'node:crypto'
import { type PlannedRequest } from '../warehouse/port.ts'
import { type MessageTemplate } from './ports.ts'

export interface RenderedRequest {
  requestNo: number
  userIds: string[]
  /** JSON text of `messages`, or null where the row's variables can't be rendered. */
  messagesJson: string | null
  skippedBecause: string | null
}

export interface RenderedBatch {
  requests: Map<number, RenderedRequest>
  recipients: number
  /** The same for every attempt of the batch; another one is a defect, never a resend. */
  digest: string
}

/** Renders each request from its own frozen variables, and from nothing else. */
export function renderBatch(
  planned: readonly PlannedRequest[],
  template: MessageTemplate,
): RenderedBatch {
  const hash = createHash('sha256')
  const requests = new Map<number, RenderedRequest>()
  let recipients = 0
  for (const { requestNo, variables, userIds } of planned) {
    const rendered = template.render(variables)
    const body = rendered.ok ? rendered.messagesJson : `skipped: ${rendered.reason}`
    requests.set(requestNo, {
      requestNo,
      userIds,
      messagesJson: rendered.ok ? rendered.messagesJson : null,
      skippedBecause: rendered.ok ? null : rendered.reason,
    })
    recipients += userIds.length
    // Lengths go first, so that no two different batches can give the same bytes to the digest.
    hash.update(`${requestNo} ${userIds.length} ${body.length}\n${body}\n`)
    for (const userId of userIds) hash.update(userId)
  }
  return { requests, recipients, digest: hash.digest('hex') }
}

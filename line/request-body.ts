// The bytes of a push or multicast request: the same call always gives the same bytes.
import { type LineCall } from './port.ts'

/**
 * The JSON body of a call, with the keys in the order `to, messages, notificationDisabled, customAggregationUnits`.
 * The messages were rendered to JSON before and are pasted in, so that large content isn't parsed and written again.
 * What has LINE's default is left out.
 * @throws Error when a push call has not exactly one recipient.
 */
export function bodyOf(call: LineCall): string {
  const silent = call.notificationDisabled ? ',"notificationDisabled":true' : ''
  const unit =
    call.aggregationUnit === null
      ? ''
      : `,"customAggregationUnits":${JSON.stringify([call.aggregationUnit])}`
  return `{"to":${JSON.stringify(receiverOf(call))},"messages":${call.messagesJson}${silent}${unit}}`
}

function receiverOf(call: LineCall): string | readonly string[] {
  if (call.lane === 'multicast') return call.to
  const [recipient, ...others] = call.to
  if (recipient === undefined || others.length > 0) {
    throw new Error(`A push call has one recipient, this one has ${call.to.length}.`)
  }
  return recipient
}

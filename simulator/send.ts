// Push and multicast: LINE's checks in LINE's order, the retry key, the quota, and the acceptance.
import { hash } from 'node:crypto'
import {
  EMPTY_OK,
  FAILED_TO_SEND,
  QUOTA_EXCEEDED,
  fieldErrors,
  invalidProperty,
  json,
  lineError,
  type Answer,
  type Detail,
} from './answers.ts'
import { type Audience } from './audience.ts'
import { type Call } from './calls.ts'
import { usageOf, type Channel } from './channels.ts'
import { type Fault } from './faults.ts'
import { type Fields } from './field-rules.ts'
import { isQuotable, refuseMessages } from './message-rules.ts'
import { isUserId } from './phones.ts'
import { isUuid, type RetryKey } from './retry-keys.ts'
import { type World } from './world.ts'

const ACCEPTED_ALREADY = 'The retry key is already accepted'
const UNITS_A_MONTH = 1000

export interface SendRequest {
  endpoint: 'push' | 'multicast'
  channel: Channel
  seq: number
  call: Call
  /** The bytes as they came: what a repeated key is compared by. */
  raw: Buffer
  body: Fields
  /** A fault of the 400 family, answered where LINE would have validated. */
  refusal: Fault | undefined
}

/** Returns the function that answers one push or multicast whose token and rate are in order. */
export function createSend(world: World, audience: Audience): (request: SendRequest) => Answer {
  return (request) => {
    const { call, channel } = request
    const { switches } = world.settings
    if (call.retryKey === null) world.violations.add('no-retry-key', call)
    else if (!isUuid(call.retryKey))
      return lineError(400, 'The value for the header X-Line-Retry-Key is invalid')
    const memory = recall(request)
    const earlier = memory === undefined ? undefined : alreadyAccepted(request, memory)
    if (earlier !== undefined && switches.keyCheckedBeforeValidation) return earlier

    const text = JSON.stringify(request.body.messages)
    const refused = validate(request, text)
    if (refused === undefined && earlier !== undefined) return earlier
    const answer = refused ?? refuseByQuota(channel)
    if (answer !== undefined) {
      if (switches.keyBurntBy4xx) memory?.burn()
      return answer
    }
    accept(request, text, memory)
    return request.endpoint === 'push' ? json(200, sentMessages(request, request.seq)) : EMPTY_OK
  }

  function recall({ endpoint, channel, call, raw, body }: SendRequest): RetryKey | undefined {
    if (call.retryKey === null) return undefined
    const digest = hash('sha1', raw, 'buffer')
    // The endpoint is part of "the same call": a key that went to push must not come to multicast.
    const hashB = (digest.readUInt32LE(4) ^ (endpoint === 'push' ? 1 : 2)) >>> 0
    const nowMs = world.clock.nowMs()
    const memory = channel.keys.touch(call.retryKey, digest.readUInt32LE(0), hashB, nowMs)
    // A known key with another body that names no user can only be a question: it reaches nobody.
    if (!memory.sameBody && namesSomebody(body.to))
      world.violations.add('retry-key-other-body', call)
    if (memory.reborn) world.violations.add('retry-key-after-24-hours', call)
    return memory
  }

  function alreadyAccepted(request: SendRequest, memory: RetryKey): Answer | undefined {
    const { acceptedSeq, burnt } = memory
    if (acceptedSeq === 0) return burnt ? lineError(409, ACCEPTED_ALREADY) : undefined
    const sent = request.endpoint === 'push' ? sentMessages(request, acceptedSeq) : {}
    return json(
      409,
      { message: ACCEPTED_ALREADY, ...sent },
      { 'x-line-accepted-request-id': world.requestId(acceptedSeq) },
    )
  }

  /** The 400 for this request, or undefined with its recipients left in `audience`. */
  function validate(request: SendRequest, text: string | undefined): Answer | undefined {
    const { endpoint, body, call, refusal } = request
    if (endpoint === 'multicast' && Array.isArray(body.to) && body.to.length > 500)
      world.violations.add('too-many-recipients', call)
    const badRecipient = audience.read(endpoint, body.to)
    if (badRecipient !== undefined) return badRecipient
    if (typeof body.notificationDisabled !== 'boolean' && body.notificationDisabled !== undefined)
      return invalidProperty('notificationDisabled')
    const badUnits = checkUnits(body.customAggregationUnits)
    if (badUnits.length > 0) return fieldErrors(badUnits)
    // Messages that were accepted before are in order, so a multicast's one body is checked once.
    if (text === undefined || !world.ledger.bodies.has(text)) {
      const badMessages = refuseMessages(body.messages)
      if (badMessages !== undefined) return badMessages
    }
    if (refusal !== undefined) return injected(refusal, endpoint, body.to)
    return audience.hasRefused(endpoint) ? FAILED_TO_SEND : undefined
  }

  function refuseByQuota(channel: Channel): Answer | undefined {
    const quota = channel.quota ?? world.settings.quota
    const { sent } = usageOf(channel, world.clock.nowMs())
    const exceeded = quota.type === 'limited' && sent + audience.reachable() > quota.value
    return exceeded ? QUOTA_EXCEEDED : undefined
  }

  function accept(request: SendRequest, text: string | undefined, memory: RetryKey | undefined) {
    const { endpoint, channel, seq, call } = request
    const { ledger, settings, clock } = world
    const unit = call.unit ?? undefined
    const usage = usageOf(channel, clock.nowMs())
    usage.sent += audience.reachable()
    // LINE sends under a 1,001st name too, and says nothing, but does not count by it.
    if (unit !== undefined && usage.units.size < UNITS_A_MONTH) usage.units.add(unit)
    ledger.begin({ at: call.at, endpoint, seq, unit, messages: text ?? '' })
    audience.deliver(ledger)
    memory?.accept(seq, clock.nowMs(), settings.switches.keyClock)
    world.calls.accept(call)
  }
}

/** Message ids and quote tokens follow from the number of the call that was accepted. */
function sentMessages({ body }: SendRequest, seq: number): { sentMessages: object[] } {
  const messages: unknown[] = Array.isArray(body.messages) ? body.messages : []
  return {
    sentMessages: messages.slice(0, 5).map((message, i) => ({
      id: `5${String(seq * 8 + i).padStart(17, '0')}`,
      ...(isQuotable(message) ? { quoteToken: `quote-${seq}-${i}` } : {}),
    })),
  }
}

function namesSomebody(to: unknown): boolean {
  return Array.isArray(to) ? to.some(isUserId) : isUserId(to)
}

function checkUnits(units: unknown): Detail[] {
  if (units === undefined) return []
  const property = 'customAggregationUnits'
  if (!Array.isArray(units)) return [{ message: 'Invalid value', property }]
  if (units.length > 1) return [{ message: 'Size must be between 0 and 1', property }]
  const [name] = units as unknown[]
  if (units.length === 0 || (typeof name === 'string' && /^[A-Za-z0-9_]{1,30}$/.test(name)))
    return []
  return [{ message: 'Must match "^[a-zA-Z0-9_]{1,30}$"', property: `${property}[0]` }]
}

function injected(fault: Fault, endpoint: string, to: unknown): Answer {
  if (fault.do === '400-unnamed') return FAILED_TO_SEND
  if (fault.do === '400-content')
    return fieldErrors([{ message: 'May not be empty', property: 'messages[0].text' }])
  if (endpoint === 'push') return invalidProperty("'to'")
  const named = Array.isArray(to) ? to.indexOf(fault.when.containsUser) : -1
  return invalidProperty(`to[${named === -1 ? (fault.index ?? 0) : named}]`)
}

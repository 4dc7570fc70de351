// Routes that name recipients: by outcome as CSV, and the ids that are none.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { hasEnded } from '../../domain/delivery.ts'
import { type Delivery } from '../../store/delivery-row.ts'
import { requireDelivery } from '../operate-delivery.ts'
import { Problem } from '../problem.ts'
import { reply, route, type Streaming, streamingRoute } from '../route.ts'
import { malformedList, malformedQuery, recipientsQuery } from '../schemas/delivery.ts'
import { idParams } from '../schemas/wire.ts'

const tag = 'deliveries'

/** What is asked for was not made before the delivery ended, so it never will be. */
function neverMade({ id, state }: Delivery, why: string): Problem {
  return new Problem('not-found', `Delivery ${id} is "${state}": it ended before ${why}.`)
}

function warehouseAway(error: unknown): Problem {
  return new Problem('warehouse-away', 'The warehouse could not be read now.', { cause: error })
}

/** CSV with a header; the warehouse is read no faster than the caller takes it. */
function csvOf(chunks: AsyncIterator<string[]>, first: IteratorResult<string[]>): Streaming {
  async function* lines() {
    yield 'user_id\n'
    try {
      for (let next = first; !next.done; next = await chunks.next()) {
        if (next.value.length > 0) yield `${next.value.join('\n')}\n`
      }
    } finally {
      // A caller that leaves must not leave the warehouse's cursor open.
      await chunks.return?.()
    }
  }
  return async (out, gone) => {
    out.writeHead(200, { 'content-type': 'text/csv; charset=utf-8; header=present' })
    await pipeline(Readable.from(lines()), out, { signal: gone })
  }
}

export const recipientRoutes = [
  streamingRoute({
    method: 'get',
    path: '/deliveries/{id}/recipients',
    operationId: 'getRecipients',
    summary: 'Streams the user ids of one outcome, once the delivery has ended.',
    tag,
    params: idParams,
    query: recipientsQuery,
    stream: { contentType: 'text/csv', description: 'A header user_id, then an id a line.' },
    problems: ['not-found', 'too-early', 'warehouse-away'],
    handle: async (deps, { params, query }) => {
      const stored = await requireDelivery(deps, params.id)
      if (stored.account === null) {
        if (hasEnded(stored.phase))
          throw neverMade(stored, 'anything was sent, so there is no delivery log')
        throw new Problem(
          'too-early',
          `Delivery ${stored.id} is "${stored.state}" and has no delivery log; it is made when a delivery ends.`,
        )
      }
      const chunks = deps.warehouse
        .recipients(stored.id, query.outcome, { campaignId: stored.campaignId })
        [Symbol.asyncIterator]()
      // The first chunk before the headers, so that a warehouse that fails is still a problem document.
      const first = await chunks.next().catch((error: unknown) => {
        throw warehouseAway(error)
      })
      return csvOf(chunks, first)
    },
  }),
  route({
    method: 'get',
    path: '/deliveries/{id}/malformed',
    operationId: 'getMalformedIds',
    summary: "Lists values of user_id in the segment that are no LINE user id and weren't sent to.",
    tag,
    params: idParams,
    query: malformedQuery,
    answers: { 200: malformedList },
    problems: ['not-found', 'too-early', 'warehouse-away'],
    handle: async (deps, { params, query }) => {
      const stored = await requireDelivery(deps, params.id)
      const { id, campaignId, planDroppedAt } = stored
      if (planDroppedAt)
        throw new Problem(
          'not-found',
          `The rows of the segment of delivery ${id} were removed on ${planDroppedAt.toISOString().slice(0, 10)} (LFM_KEEP_PLANS_DAYS).`,
        )
      const plan = await deps.store.plans.find(id)
      if (!plan) {
        if (hasEnded(stored.phase))
          throw neverMade(stored, 'its audience was frozen; there is none')
        throw new Problem('too-early', `The audience of delivery ${id} is not frozen yet.`)
      }
      const items = await deps.warehouse
        .malformedIds(id, plan.attempt, query.limit, { campaignId })
        .catch((error: unknown) => {
          throw warehouseAway(error)
        })
      return reply(200, { items })
    },
  }),
]

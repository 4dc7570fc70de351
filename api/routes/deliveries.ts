// Routes of deliveries: looking, watching, and an operator's orders.
import { deliveryEvents } from '../event-stream.ts'
import { holdDelivery, requireDelivery, resumeDelivery } from '../operate-delivery.ts'
import { type ProblemKind } from '../problem.ts'
import { recoverDelivery, recoverInterrupted, type RecoveryOrder } from '../recover-delivery.ts'
import { reply, route, streamingRoute } from '../route.ts'
import {
  delivery,
  deliveryList,
  deliveryQuery,
  historyList,
  operatorAnswer,
  operatorInput,
  recoverInput,
  recoveryList,
} from '../schemas/delivery.ts'
import { idParams } from '../schemas/wire.ts'
import { deliverySummaryView, deliveryView, eventView } from '../views.ts'

const tag = 'deliveries'

function orderRoute(
  operation: 'pause' | 'resume' | 'cancel',
  summary: string,
  problems: readonly ProblemKind[],
) {
  return route({
    method: 'post',
    path: `/deliveries/{id}/${operation}`,
    operationId: `${operation}Delivery`,
    summary,
    tag,
    params: idParams,
    body: operatorInput,
    answers: { 200: operatorAnswer },
    problems: ['not-found', 'delivery-ended', 'already-cancelled', ...problems],
    handle: async (deps, { params, body, caller }) => {
      const request = { by: body.by ?? caller, why: body.why }
      const { delivery: stored, temporal } =
        operation === 'resume'
          ? await resumeDelivery(deps, params.id, request)
          : await holdDelivery(deps, params.id, operation, request)
      return reply(200, { delivery: await deliveryView(deps, stored), temporal })
    },
  })
}

function recoveryOrder(
  { why, by, paused }: { why: string; by?: string | undefined; paused: boolean },
  caller: string,
): RecoveryOrder {
  return { by: by ?? caller, why, isPaused: paused }
}

export const deliveryRoutes = [
  route({
    method: 'get',
    path: '/deliveries',
    operationId: 'listDeliveries',
    summary: 'Lists deliveries, newest first.',
    tag,
    query: deliveryQuery,
    answers: { 200: deliveryList },
    problems: [],
    handle: async ({ store }, { query }) => {
      const found = await store.deliveries.list(query)
      return reply(200, {
        items: await Promise.all(found.map((one) => deliverySummaryView(store, one))),
      })
    },
  }),
  route({
    method: 'get',
    path: '/deliveries/{id}',
    operationId: 'getDelivery',
    summary: 'Shows a delivery with its plan, its progress and its account.',
    tag,
    params: idParams,
    answers: { 200: delivery },
    problems: ['not-found'],
    handle: async (deps, { params }) =>
      reply(200, await deliveryView(deps, await requireDelivery(deps, params.id))),
  }),
  streamingRoute({
    method: 'get',
    path: '/deliveries/{id}/events',
    operationId: 'watchDelivery',
    summary:
      'Server-sent events: progress at every change, at most twice a second; end at the end.',
    tag,
    params: idParams,
    stream: {
      contentType: 'text/event-stream',
      description:
        'Events progress and end, each with a Delivery as its data; then the stream ends.',
    },
    problems: ['not-found'],
    handle: async (deps, { params }) => {
      const { id } = await requireDelivery(deps, params.id)
      return deliveryEvents(deps.watch, id)
    },
  }),
  route({
    method: 'get',
    path: '/deliveries/{id}/history',
    operationId: 'getDeliveryHistory',
    summary: 'Lists what happened to a delivery, by whom and why, oldest first.',
    tag,
    params: idParams,
    answers: { 200: historyList },
    problems: ['not-found'],
    handle: async (deps, { params }) => {
      const { id } = await requireDelivery(deps, params.id)
      return reply(200, { items: (await deps.store.deliveries.events(id)).map(eventView) })
    },
  }),
  route({
    method: 'post',
    path: '/deliveries/{id}/recover',
    operationId: 'recoverDelivery',
    summary: 'Begins the workflow of an interrupted delivery again, from plan and ledger.',
    tag,
    params: idParams,
    body: recoverInput,
    answers: { 200: delivery },
    problems: ['not-found', 'delivery-ended', 'workflow-running', 'temporal-away'],
    handle: async (deps, { params, body, caller }) =>
      reply(
        200,
        await deliveryView(
          deps,
          await recoverDelivery(deps, params.id, recoveryOrder(body, caller)),
        ),
      ),
  }),
  route({
    method: 'post',
    path: '/deliveries/recover',
    operationId: 'recoverDeliveries',
    summary: 'Recovers every delivery that is interrupted, and tells of each what became of it.',
    tag,
    body: recoverInput,
    answers: { 200: recoveryList },
    problems: [],
    handle: async (deps, { body, caller }) =>
      reply(200, { items: await recoverInterrupted(deps, recoveryOrder(body, caller)) }),
  }),
  orderRoute(
    'pause',
    'Pauses a delivery: no call to LINE starts later than 2 s after the answer.',
    [],
  ),
  orderRoute('resume', 'Resumes a paused delivery, through its workflow.', [
    'operation-refused',
    'temporal-away',
  ]),
  orderRoute('cancel', 'Cancels a delivery for good; what was sent stays sent and is counted.', []),
]

// The route that retries what a delivery left undelivered.
import { reply, route } from '../route.ts'
import { retryDelivery } from '../retry-delivery.ts'
import { delivery } from '../schemas/delivery.ts'
import { retryInput } from '../schemas/retry.ts'
import { idParams } from '../schemas/wire.ts'
import { deliveryView } from '../views.ts'

export const retryRoutes = [
  route({
    method: 'post',
    path: '/deliveries/{id}/retry',
    operationId: 'retryDelivery',
    summary:
      'Starts a new delivery over recipients that an ended one left undelivered; asked for again, it answers with the same one (200).',
    tag: 'deliveries',
    params: idParams,
    body: retryInput,
    answers: { 200: delivery, 201: delivery },
    problems: ['not-found', 'too-early', 'retry-refused'],
    handle: async (deps, { params, body, caller }) => {
      const retried = await retryDelivery(deps, params.id, { ...body, by: body.by ?? caller })
      const view = await deliveryView(deps, retried.delivery)
      return reply(retried.isNew ? 201 : 200, view)
    },
  }),
]

// Routes of campaigns, and the start of their deliveries.
import { randomBytes } from 'node:crypto'
import { Problem, type ProblemError } from '../problem.ts'
import { reply, route } from '../route.ts'
import { campaign, campaignInput, campaignList, startInput } from '../schemas/campaign.ts'
import { delivery } from '../schemas/delivery.ts'
import { idParams } from '../schemas/wire.ts'
import { startDelivery } from '../start-delivery.ts'
import { campaignView, deliveryView } from '../views.ts'

const tag = 'campaigns'

export const campaignRoutes = [
  route({
    method: 'post',
    path: '/campaigns',
    operationId: 'createCampaign',
    summary: 'Registers a campaign: a content for a segment through a channel.',
    tag,
    body: campaignInput,
    answers: { 201: campaign },
    problems: ['unknown-reference'],
    handle: async ({ store }, { body }) => {
      const [channel, content, segment] = await Promise.all([
        store.channels.find(body.channelId),
        store.contents.find(body.contentId),
        store.segments.find(body.segmentId),
      ])
      const errors: ProblemError[] = []
      const missing = (what: string, id: string) =>
        errors.push({ pointer: `/${what}Id`, detail: `There is no ${what} ${id}.` })
      if (!channel) missing('channel', body.channelId)
      if (!content) missing('content', body.contentId)
      if (!segment || segment.deletedAt) missing('segment', body.segmentId)
      if (errors.length > 0) {
        throw new Problem('unknown-reference', errors.map(({ detail }) => detail).join(' '), {
          errors,
        })
      }
      const { aggregationUnit = `lfm_${randomBytes(4).toString('hex')}` } = body
      const made = await store.campaigns.create({ ...body, aggregationUnit })
      return reply(201, campaignView(made))
    },
  }),
  route({
    method: 'get',
    path: '/campaigns',
    operationId: 'listCampaigns',
    summary: 'Lists campaigns, oldest first.',
    tag,
    answers: { 200: campaignList },
    problems: [],
    handle: async ({ store }) =>
      reply(200, { items: (await store.campaigns.list()).map(campaignView) }),
  }),
  route({
    method: 'get',
    path: '/campaigns/{id}',
    operationId: 'getCampaign',
    summary: 'Shows a campaign.',
    tag,
    params: idParams,
    answers: { 200: campaign },
    problems: ['not-found'],
    handle: async ({ store }, { params }) => {
      const found = await store.campaigns.find(params.id)
      if (!found) throw new Problem('not-found', `There is no campaign ${params.id}.`)
      return reply(200, campaignView(found))
    },
  }),
  route({
    method: 'post',
    path: '/campaigns/{id}/deliveries',
    operationId: 'startCampaign',
    summary:
      'Starts a delivery of a campaign; asked for again, it answers with the same one (200).',
    tag,
    params: idParams,
    body: startInput,
    answers: { 200: delivery, 201: delivery },
    problems: ['not-found', 'segment-deleted', 'segment-refused', 'warehouse-away'],
    handle: async (deps, { params, body, caller }) => {
      const { occurrence } = body
      const started = await startDelivery(deps, {
        campaignId: params.id,
        occurrence: occurrence === 'once' ? 'once' : `again/${occurrence.again}`,
        by: body.by ?? caller,
      })
      const view = await deliveryView(deps, started.delivery)
      return reply(started.isNew ? 201 : 200, view)
    },
  }),
]

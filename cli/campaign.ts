// lfm campaign: what is sent to whom through which channel, and its start.
import { type Command } from 'commander'
import { type Answer } from './client.ts'
import { deliveryText } from './delivery-text.ts'
import { operatorName } from './input.ts'
import { number, positiveInteger } from './options.ts'
import { openSession } from './session.ts'
import { fields, table } from './text.ts'

type Campaign = Answer<'getCampaign'>

const asText = (campaign: Campaign) =>
  fields([
    ['id', campaign.id],
    ['name', campaign.name],
    ['channel', campaign.channelId],
    ['content', campaign.contentId],
    ['segment', campaign.segmentId],
    ['priority', campaign.priority],
    ['time zone', campaign.timeZone],
    ['locale', campaign.locale],
    ['aggregation unit', campaign.aggregationUnit],
    ['pause at failed share', campaign.pauseAtFailedShare],
  ])

/** What to do with the delivery that a start has answered with. */
function nextText({ id, campaignId, occurrence, endedAt, state }: Answer<'startCampaign'>): string {
  if (endedAt === null) return `Watch it: npm run lfm -- delivery watch ${id}`
  const next = Number(/^again\/(\d+)$/.exec(occurrence)?.[1] ?? 0) + 1
  return `Nothing was started: this delivery has ended already (${state}).\nTo start another one: npm run lfm -- campaign start ${campaignId} --again ${next}`
}

interface Options {
  name: string
  channel: string
  content: string
  segment: string
  priority?: number
  timeZone?: string
  locale?: string
  aggregationUnit?: string
  pauseAtFailedShare?: number
}

export function addCampaignCommands(program: Command): void {
  const campaign = program
    .command('campaign')
    .description('a content for a segment through a channel, and its start')

  campaign
    .command('create')
    .description('register a campaign; nothing is sent by that')
    .requiredOption('--name <name>', 'a name for people')
    .requiredOption('--channel <id>', 'id of the channel')
    .requiredOption('--content <id>', 'id of the content')
    .requiredOption('--segment <id>', 'id of the segment')
    .option(
      '--priority <1-5>',
      '1 is first among deliveries on a channel (default: 3)',
      positiveInteger,
    )
    .option('--time-zone <name>', 'for dates in Liquid (default: Asia/Tokyo)')
    .option('--locale <tag>', 'for names of days and months in Liquid (default: ja)')
    .option('--aggregation-unit <name>', "name for LINE's statistics (default: one is made)")
    .option(
      '--pause-at-failed-share <0-1>',
      "pause a delivery when more of its recipients than this share can't be reached (default: 0.1)",
      number,
    )
    .action(async (o: Options, command: Command) => {
      const { client, print } = openSession(command)
      const { channel, content, segment, ...rest } = o
      const made = await client.call('createCampaign', {
        body: {
          name: rest.name,
          channelId: channel,
          contentId: content,
          segmentId: segment,
          ...(rest.priority !== undefined && { priority: rest.priority }),
          ...(rest.timeZone !== undefined && { timeZone: rest.timeZone }),
          ...(rest.locale !== undefined && { locale: rest.locale }),
          ...(rest.aggregationUnit !== undefined && { aggregationUnit: rest.aggregationUnit }),
          ...(rest.pauseAtFailedShare !== undefined && {
            pauseAtFailedShare: rest.pauseAtFailedShare,
          }),
        },
      })
      print(made, asText)
    })

  campaign
    .command('list')
    .description('list campaigns')
    .action(async (_: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('listCampaigns', {}), ({ items }) =>
        table(
          ['ID', 'NAME', 'PRIORITY', 'CREATED'],
          items.map((one) => [one.id, one.name, one.priority, one.createdAt]),
        ),
      )
    })

  campaign
    .command('show <id>')
    .description('show a campaign')
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('getCampaign', { params: { id } }), asText)
    })

  campaign
    .command('start <id>')
    .description('start the delivery of a campaign; typed twice, it is the same delivery')
    .option('--again <n>', 'another delivery of the same campaign, by its number', positiveInteger)
    .option('--by <name>', 'who starts it (default: the user of this machine)')
    .action(async (id: string, o: { again?: number; by?: string }, command: Command) => {
      const { client, print } = openSession(command)
      const started = await client.call('startCampaign', {
        params: { id },
        body: {
          occurrence: o.again === undefined ? 'once' : { again: o.again },
          by: o.by ?? operatorName(),
        },
      })
      print(started, (delivery) => `${deliveryText(delivery)}\n${nextText(delivery)}`)
    })
}

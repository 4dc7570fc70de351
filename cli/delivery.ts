// lfm delivery: looking at deliveries, watching them, and an operator's orders.
import { type Command, Option } from 'commander'
import { deliveryText } from './delivery-text.ts'
import { operatorName } from './input.ts'
import { positiveInteger } from './options.ts'
import { printRecipients } from './recipients.ts'
import { addRecover } from './recover.ts'
import { addRetry } from './retry.ts'
import { openSession } from './session.ts'
import { table } from './text.ts'
import { watchDelivery } from './watch.ts'

const orders = {
  pause: ['pauseDelivery', 'pause a delivery: calls under way finish, no new ones start'],
  resume: ['resumeDelivery', 'resume a paused delivery'],
  cancel: ['cancelDelivery', 'cancel a delivery for good; what was sent stays sent'],
} as const

const told = {
  told: '',
  pending: '\nThe workflow has not answered yet; the order is in force.',
  away: '\nTemporal is away; the order is in force, and the workflow is told later.',
}

function addOrders(delivery: Command): void {
  for (const [order, [operation, description]] of Object.entries(orders)) {
    delivery
      .command(`${order} <id>`)
      .description(description)
      .requiredOption('--why <reason>', 'shown to everybody who looks at the delivery')
      .option('--by <name>', 'who orders it (default: the user of this machine)')
      .action(async (id: string, o: { why: string; by?: string }, command: Command) => {
        const { client, print } = openSession(command)
        const body = { why: o.why, by: o.by ?? operatorName() }
        print(
          await client.call(operation, { params: { id }, body }),
          (answer) => `${deliveryText(answer.delivery)}${told[answer.temporal]}`,
        )
      })
  }
}

export function addDeliveryCommands(program: Command): void {
  const delivery = program.command('delivery').description('runs of campaigns')

  delivery
    .command('list')
    .description('list deliveries, newest first')
    .option('--campaign <id>', 'only those of this campaign')
    .option('--limit <n>', 'at most so many', positiveInteger, 20)
    .action(async (o: { campaign?: string; limit: number }, command: Command) => {
      const { client, print } = openSession(command)
      const query = {
        limit: o.limit,
        ...(o.campaign !== undefined && { campaignId: o.campaign }),
      }
      print(await client.call('listDeliveries', { query }), ({ items }) =>
        table(
          ['ID', 'OCCURRENCE', 'STATE', 'STARTED', 'PLANNED', 'ACCEPTED'],
          items.map((one) => [
            one.id,
            one.occurrence,
            one.state,
            one.createdAt,
            one.progress.planned,
            one.progress.accepted,
          ]),
        ),
      )
    })

  delivery
    .command('show <id>')
    .description('show a delivery with its plan, progress and account')
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('getDelivery', { params: { id } }), deliveryText)
    })

  delivery
    .command('watch <id>')
    .description('watch a delivery until it has ended')
    .action(async (id: string, _: object, command: Command) => {
      const session = openSession(command)
      const ended = await watchDelivery(session, id)
      session.print(ended, deliveryText)
    })

  addOrders(delivery)
  addRetry(delivery)
  addRecover(delivery)

  delivery
    .command('recipients <id>')
    .description('print the user ids of one outcome as CSV, once the delivery has ended')
    .addOption(
      new Option('--outcome <outcome>', 'which outcome')
        .choices(['accepted', 'rejected', 'unknown', 'skipped', 'unsent'])
        .default('accepted'),
    )
    .action(async (id: string, { outcome }: { outcome: string }, command: Command) => {
      await printRecipients(openSession(command), id, outcome)
    })

  delivery
    .command('malformed <id>')
    .description(
      "list values of user_id in the segment that are no LINE user id and weren't sent to",
    )
    .option('--limit <n>', 'at most so many', positiveInteger, 100)
    .action(async (id: string, { limit }: { limit: number }, command: Command) => {
      const { client, print } = openSession(command)
      print(
        await client.call('getMalformedIds', { params: { id }, query: { limit } }),
        ({ items }) =>
          table(
            ['USER_ID'],
            items.map((one) => [one]),
          ),
      )
    })

  delivery
    .command('history <id>')
    .description('list what happened to a delivery, by whom and why')
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('getDeliveryHistory', { params: { id } }), ({ items }) =>
        table(
          ['AT', 'WHAT', 'BY', 'WHY'],
          items.map(({ at, kind, by, detail }) => [at, kind, by, detail]),
        ),
      )
    })
}

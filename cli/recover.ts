// lfm delivery recover: begins the workflow of interrupted deliveries again.
import { type Command } from 'commander'
import { deliveryText } from './delivery-text.ts'
import { operatorName } from './input.ts'
import { openSession, Usage } from './session.ts'
import { table } from './text.ts'

interface RecoverOptions {
  why: string
  by?: string
  all?: true
  paused?: true
}

export function addRecover(delivery: Command): void {
  delivery
    .command('recover [id]')
    .description('begin an interrupted delivery again, from its plan and ledger')
    .requiredOption('--why <reason>', 'shown to everybody who looks at the delivery')
    .option('--by <name>', 'who orders it (default: the user of this machine)')
    .option('--all', 'every delivery that is interrupted, in place of one')
    .option('--paused', 'pause first: nothing is sent before it is resumed')
    .action(async (id: string | undefined, o: RecoverOptions, command: Command) => {
      if ((id === undefined) === (o.all === undefined)) {
        throw new Usage('Give either the id of a delivery or --all.')
      }
      const { client, print } = openSession(command)
      const body = { why: o.why, by: o.by ?? operatorName(), paused: o.paused ?? false }
      if (id !== undefined) {
        print(await client.call('recoverDelivery', { params: { id }, body }), deliveryText)
        return
      }
      print(await client.call('recoverDeliveries', { body }), ({ items }) =>
        table(
          ['ID', 'RECOVERED', 'WHY NOT'],
          items.map((one) => [one.id, one.isRecovered ? 'yes' : 'no', one.detail]),
        ),
      )
    })
}

// lfm delivery retry: sends again to whom an ended delivery left undelivered.
import { type Command } from 'commander'
import { deliveryText } from './delivery-text.ts'
import { operatorName } from './input.ts'
import { positiveInteger } from './options.ts'
import { openSession } from './session.ts'

interface Options {
  unsent: boolean
  rejected?: true
  skipped?: true
  unknown?: true
  mayReachTwice?: number
  number: number
  by?: string
  why?: string
}

const chosen = ['unsent', 'rejected', 'skipped', 'unknown'] as const

/** Adds the command. */
export function addRetry(delivery: Command): void {
  delivery
    .command('retry <id>')
    .description(
      'start a new delivery over whom an ended one left unsent; typed twice, it is the same delivery',
    )
    .option('--no-unsent', 'leave out whom no call was made for')
    .option('--rejected', 'those too whom LINE refused')
    .option('--skipped', 'those too whose own row made no message')
    .option(
      '--unknown',
      'those too of whom it is not known whether LINE accepted: it may reach them twice',
    )
    .option('--may-reach-twice <n>', 'with --unknown: how many these are', positiveInteger)
    .option('--number <n>', 'another retry of the same delivery, by its number', positiveInteger, 1)
    .option('--by <name>', 'who orders it (default: the user of this machine)')
    .option('--why <reason>', 'shown in the histories of both deliveries')
    .action(async (id: string, o: Options, command: Command) => {
      const { client, print } = openSession(command)
      const started = await client.call('retryDelivery', {
        params: { id },
        body: {
          outcomes: chosen.filter((outcome) => o[outcome] === true),
          number: o.number,
          by: o.by ?? operatorName(),
          ...(o.mayReachTwice !== undefined && { mayReachTwice: o.mayReachTwice }),
          ...(o.why !== undefined && { why: o.why }),
        },
      })
      print(
        started,
        (made) => `${deliveryText(made)}\nWatch it: npm run lfm -- delivery watch ${made.id}`,
      )
    })
}

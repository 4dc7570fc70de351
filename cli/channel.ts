// lfm channel: LINE channels and their rates.
import { type Command } from 'commander'
import { type Answer } from './client.ts'
import { readSecret } from './input.ts'
import { number } from './options.ts'
import { openSession, Usage } from './session.ts'
import { fields, table } from './text.ts'

type Channel = Answer<'createChannel'>

const asText = (channel: Channel) =>
  fields([
    ['id', channel.id],
    ['name', channel.name],
    ['LINE channel id', channel.lineChannelId],
    ['multicast/s', channel.callsPerSecond.multicast],
    ['push/s', channel.callsPerSecond.push],
    ['created', channel.createdAt],
  ])

/** As `asText`, and what is in force where LINE's answers have lowered a rate. */
function withRates(channel: Answer<'getChannel'>): string {
  const { multicast, push } = channel.currentRates
  const lowered = ([lane, rate]: readonly [string, typeof push]) =>
    rate.loweredAt === null
      ? []
      : [
          `${lane}: ${rate.callsPerSecond.toFixed(1)}/s for now, lowered at ${rate.loweredAt} because LINE answered 429`,
        ]
  const rates = [['multicast', multicast] as const, ['push', push] as const]
  return [asText(channel), ...rates.flatMap(lowered)].join('\n')
}

interface Rates {
  multicast?: number
  push?: number
}

const secretFile = [
  '--channel-secret-file <file>',
  'file with the secret, or - for standard input',
] as const

export function addChannelCommands(program: Command): void {
  const channel = program.command('channel').description('LINE channels and their rates')

  channel
    .command('create')
    .description('register a LINE channel; its secret is asked for, or read from a file')
    .requiredOption('--line-channel-id <digits>', "LINE's channel id")
    .requiredOption('--name <name>', 'a name for people')
    .option(...secretFile)
    .option('--multicast <n>', 'multicast calls a second, at most 200', number)
    .option('--push <n>', 'push calls a second, at most 2000', number)
    .action(
      async (
        o: Rates & { lineChannelId: string; name: string; channelSecretFile?: string },
        command: Command,
      ) => {
        const { client, print } = openSession(command)
        const { lineChannelId, name, multicast, push } = o
        const made = await client.call('createChannel', {
          body: {
            lineChannelId,
            name,
            channelSecret: await readSecret(o.channelSecretFile),
            callsPerSecond: {
              ...(multicast !== undefined && { multicast }),
              ...(push !== undefined && { push }),
            },
          },
        })
        print(made, asText)
      },
    )

  channel
    .command('list')
    .description('list channels')
    .action(async (_: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('listChannels', {}), ({ items }) =>
        table(
          ['ID', 'NAME', 'LINE CHANNEL', 'MULTICAST/S', 'PUSH/S'],
          items.map((one) => [
            one.id,
            one.name,
            one.lineChannelId,
            one.callsPerSecond.multicast,
            one.callsPerSecond.push,
          ]),
        ),
      )
    })

  channel
    .command('show <id>')
    .description('show a channel')
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('getChannel', { params: { id } }), withRates)
    })

  channel
    .command('update <id>')
    .description('change the name or the secret of a channel')
    .option('--name <name>', 'a name for people')
    .option(...secretFile)
    .action(
      async (id: string, o: { name?: string; channelSecretFile?: string }, command: Command) => {
        const { client, print } = openSession(command)
        if (o.name === undefined && o.channelSecretFile === undefined) {
          throw new Usage('Say what to change: --name, --channel-secret-file, or both.')
        }
        const body = {
          ...(o.name !== undefined && { name: o.name }),
          ...(o.channelSecretFile !== undefined && {
            channelSecret: await readSecret(o.channelSecretFile),
          }),
        }
        print(await client.call('updateChannel', { params: { id }, body }), asText)
      },
    )

  channel
    .command('rate <id>')
    .description('set the rate of a channel at once, for all deliveries; 0 stops a lane')
    .option('--multicast <n>', 'multicast calls a second, 0 to 200', number)
    .option('--push <n>', 'push calls a second, 0 to 2000', number)
    .action(async (id: string, o: Rates, command: Command) => {
      const { client, print } = openSession(command)
      if (o.multicast === undefined && o.push === undefined) {
        throw new Usage('Say which rate to set: --multicast <n>, --push <n>, or both.')
      }
      const set = await client.call('setChannelRate', { params: { id }, body: o })
      print(set, (answer) =>
        answer.temporal === 'told'
          ? asText(answer.channel)
          : `${asText(answer.channel)}\nTemporal is away: the rate is in force, its queues were not told.`,
      )
    })
}

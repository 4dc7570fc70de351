// lfm content: messages, in versions.
import { type Command } from 'commander'
import { type Answer, type Input } from './client.ts'
import { readJson } from './input.ts'
import { positiveInteger } from './options.ts'
import { openSession } from './session.ts'
import { fields, table } from './text.ts'

type Content = Answer<'getContent'>

const asText = (content: Content) =>
  `${fields([
    ['id', content.id],
    ['name', content.name],
    ['version', content.version],
    ['variables', content.variables.join(', ') || null],
    ['silent', content.notificationDisabled ? 'yes' : 'no'],
    ['made', content.createdAt],
  ])}\nmessages\n${JSON.stringify(content.messages, null, 2)}`

interface Options {
  name: string
  messages: string
  notificationDisabled?: boolean
}

async function bodyOf({ name, messages, notificationDisabled = false }: Options) {
  // The API says what is wrong with them, better than a type could.
  const read = (await readJson(messages)) as Input<'createContent'>['body']['messages']
  return { name, messages: read, notificationDisabled }
}

const withOptions = (command: Command) =>
  command
    .requiredOption('--name <name>', 'a name for people')
    .requiredOption(
      '--messages <file>',
      'JSON file with an array of 1 to 5 LINE message objects, or - for standard input',
    )
    .option('--notification-disabled', 'phones stay silent')

export function addContentCommands(program: Command): void {
  const content = program.command('content').description('messages, with Liquid variables')

  withOptions(content.command('create'))
    .description('register a content')
    .addHelpText(
      'after',
      `\nExample of a messages file:\n  [{ "type": "text", "text": "Hello {{ name }}" }]`,
    )
    .action(async (o: Options, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('createContent', { body: await bodyOf(o) }), asText)
    })

  content
    .command('list')
    .description('list contents')
    .action(async (_: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('listContents', {}), ({ items }) =>
        table(
          ['ID', 'NAME', 'VERSION', 'MESSAGES', 'VARIABLES'],
          items.map((one) => [
            one.id,
            one.name,
            one.version,
            one.messages.length,
            one.variables.join(', ') || null,
          ]),
        ),
      )
    })

  content
    .command('show <id>')
    .description('show a content, in its latest version or another')
    .option('--content-version <n>', 'the version', positiveInteger)
    .action(async (id: string, o: { contentVersion?: number }, command: Command) => {
      const { client, print } = openSession(command)
      const query = o.contentVersion === undefined ? {} : { version: o.contentVersion }
      print(await client.call('getContent', { params: { id }, query }), asText)
    })

  withOptions(content.command('revise <id>'))
    .description('add a version; deliveries that began keep theirs')
    .action(async (id: string, o: Options, command: Command) => {
      const { client, print } = openSession(command)
      const body = await bodyOf(o)
      print(await client.call('reviseContent', { params: { id }, body }), asText)
    })
}

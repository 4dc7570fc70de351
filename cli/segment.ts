// lfm segment: queries that yield friends.
import { type Command } from 'commander'
import { type Answer } from './client.ts'
import { openFile, readText } from './input.ts'
import { openSession } from './session.ts'
import { fields, plain, table } from './text.ts'

type Segment = Answer<'getSegment'>

const asText = (segment: Segment) =>
  `${fields([
    ['id', segment.id],
    ['name', segment.name],
    ['dialect', segment.dialect],
    ['changed', segment.updatedAt],
    ...(segment.deletedAt === null ? [] : [['deleted', segment.deletedAt] as const]),
  ])}\n${segment.sql.split('\n').map(plain).join('\n')}`

function uploadText(uploaded: Answer<'uploadSegment'>): string {
  const { rejectedLines, rejected } = uploaded
  const counts = fields([
    ['id', uploaded.segment.id],
    ['name', uploaded.segment.name],
    ['columns', uploaded.columns.join(', ')],
    ['encoding', uploaded.encoding],
    ['lines read', String(uploaded.read)],
    ['valid', String(uploaded.valid)],
    ['duplicates', String(uploaded.duplicates)],
    ['rejected', String(rejected)],
  ])
  if (rejected === 0) return counts
  const lines = table(
    ['LINE', 'REJECTED FOR'],
    rejectedLines.map(({ line, why }) => [String(line), why]),
  )
  const more = rejected - rejectedLines.length
  return `${counts}\n${lines}${more > 0 ? `\nand ${more} more` : ''}`
}

const sqlFile = [
  '--sql <file>',
  'file with one SELECT that yields user_id, or - for standard input',
] as const

interface Options {
  name: string
  sql: string
}

export function addSegmentCommands(program: Command): void {
  const segment = program.command('segment').description('queries that yield friends')

  segment
    .command('create')
    .description('register a segment')
    .requiredOption('--name <name>', 'a name for people')
    .requiredOption(...sqlFile)
    .addHelpText(
      'after',
      `\nExample:\n  echo 'SELECT user_id, name FROM friends' | npm run -s lfm -- segment create --name All --sql -`,
    )
    .action(async (o: Options, command: Command) => {
      const { client, print } = openSession(command)
      const body = { name: o.name, sql: await readText(o.sql) }
      print(await client.call('createSegment', { body }), asText)
    })

  segment
    .command('upload <file>')
    .description('make a segment of a list: a CSV with a column user_id, or one user id a line')
    .requiredOption('--name <name>', 'a name for people')
    .action(async (file: string, o: { name: string }, command: Command) => {
      const { client, print } = openSession(command)
      const query = { name: o.name }
      const body = await openFile(file)
      print(await client.call('uploadSegment', { query, body }), uploadText)
    })

  segment
    .command('list')
    .description('list segments')
    .action(async (_: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('listSegments', {}), ({ items }) =>
        table(
          ['ID', 'NAME', 'DIALECT', 'CHANGED'],
          items.map((one) => [one.id, one.name, one.dialect, one.updatedAt]),
        ),
      )
    })

  segment
    .command('show <id>')
    .description('show a segment with its SQL')
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('getSegment', { params: { id } }), asText)
    })

  segment
    .command('update <id>')
    .description('change a segment for deliveries that start from now on')
    .requiredOption('--name <name>', 'a name for people')
    .requiredOption(...sqlFile)
    .action(async (id: string, o: Options, command: Command) => {
      const { client, print } = openSession(command)
      const body = { name: o.name, sql: await readText(o.sql) }
      print(await client.call('updateSegment', { params: { id }, body }), asText)
    })

  segment
    .command('delete <id>')
    .description('delete a segment, and with it the list that was uploaded as it')
    .addHelpText(
      'after',
      `
A list's rows are removed from the warehouse and can't be brought back. That is refused while
another segment reads the list, or a delivery has yet to freeze its audience from it; deliveries
that have frozen theirs go on. Campaigns of a deleted segment start no delivery any more.

Example:
  npm run -s lfm -- segment delete 019aa0c2-5b5e-7a63-8f6d-3f0f8f4a1c55`,
    )
    .action(async (id: string, _: object, command: Command) => {
      const { client, print } = openSession(command)
      print(await client.call('deleteSegment', { params: { id } }), asText)
    })

  segment
    .command('preview')
    .description('show what a SELECT yields, without keeping it')
    .requiredOption(...sqlFile)
    .action(async (o: { sql: string }, command: Command) => {
      const { client, print } = openSession(command)
      const shown = await client.call('previewSegment', { body: { sql: await readText(o.sql) } })
      print(shown, ({ columns, hasRows }) => {
        const rows = hasRows ? 'It yields rows now.' : 'It yields no rows now.'
        return `${table(
          ['COLUMN', 'TYPE'],
          columns.map(({ name, type }) => [name, type]),
        )}\n${rows}`
      })
    })
}

// Makes everything that is recorded older, as if all had been switched off for hours: no clock of the product is faked.
import pg from 'pg'

const hourMs = 3_600_000

/** What is no record of when something happened: what a person wrote, and the `now` that bodies are rendered from. */
const leftAlone: ReadonlySet<string> = new Set([
  'content_version.messages',
  'delivery.rendered_as_of',
  'schema_migration.applied_at',
])

/** A JSON value in which every string that is an ISO instant, and nothing besides, is moved into the past. */
const agedFunction = `create function pg_temp.aged(value jsonb, by_time interval) returns jsonb
  language plpgsql as $$
  begin
    case
      when jsonb_typeof(value) = 'object' then
        return (select coalesce(jsonb_object_agg(e.key, pg_temp.aged(e.value, by_time)), '{}')
          from jsonb_each(value) e);
      when jsonb_typeof(value) = 'array' then
        return (select coalesce(jsonb_agg(pg_temp.aged(e.value, by_time) order by e.n), '[]')
          from jsonb_array_elements(value) with ordinality e (value, n));
      when value #>> '{}' ~ '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' then
        return to_jsonb(to_char(((value #>> '{}')::timestamptz - by_time) at time zone 'UTC',
          'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
      else
        return value;
    end case;
  end $$`

interface Column {
  table_name: string
  column_name: string
  data_type: string
}

/** Columns are found by their type, so that one which a later migration adds is not forgotten. */
const columnsThatHoldInstants = `select c.table_name, c.column_name, c.data_type
  from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
  where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
    and (c.data_type like 'timestamp%' or c.data_type in ('date', 'json', 'jsonb'))
  order by c.table_name, c.ordinal_position`

function agedValue({ column_name, data_type }: Column): string {
  const column = pg.escapeIdentifier(column_name)
  return data_type.startsWith('json')
    ? `pg_temp.aged(${column}::jsonb, $1)::${data_type}`
    : `(${column} - $1::interval)::${data_type}`
}

async function ageStore(databaseUrl: string, hours: number): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('begin')
    await client.query(agedFunction)
    const { rows } = await client.query<Column>(columnsThatHoldInstants)
    const aged = rows.filter((row) => !leftAlone.has(`${row.table_name}.${row.column_name}`))
    for (const [table, columns] of Map.groupBy(aged, (row) => row.table_name)) {
      const changes = columns.map(
        (column) => `${pg.escapeIdentifier(column.column_name)} = ${agedValue(column)}`,
      )
      await client.query(`update ${pg.escapeIdentifier(table)} set ${changes.join(', ')}`, [
        `${hours} hours`,
      ])
    }
    await client.query('commit')
  } finally {
    await client.end()
  }
}

/**
 * Moves every recorded instant of the store so many hours into the past, and the clock by which the simulated LINE
 * forgets keys as many forward. To be called while no worker runs. Temporal's timers and the files of the warehouse
 * keep their times.
 */
export async function agePast(options: {
  databaseUrl: string
  lineUrl: string
  hours: number
}): Promise<void> {
  const { databaseUrl, lineUrl, hours } = options
  await ageStore(databaseUrl, hours)
  const moved = await fetch(`${lineUrl}/_sim/clock`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ advanceMs: hours * hourMs }),
  })
  if (!moved.ok) throw new Error(`The simulator's clock could not be moved: ${moved.status}.`)
}

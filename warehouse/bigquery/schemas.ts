// The columns of the tables that we make ourselves, as BigQuery writes schemas.
// docs/warehouse-tables.md tells analysts what they mean.

/** A column: name, type and whether it may be NULL. */
export interface Field {
  name: string
  type: 'STRING' | 'INTEGER' | 'TIMESTAMP'
  mode: 'REQUIRED' | 'NULLABLE'
}

/** How a table is made. */
export interface TableShape {
  fields: readonly Field[]
  /** Column whose UTC day a row's partition is. */
  day?: string
  clustering?: readonly string[]
}

function fields(
  columns: Readonly<Record<string, Field['type']>>,
  nullable: readonly string[] = [],
): Field[] {
  return Object.entries(columns).map(([name, type]) => ({
    name,
    type,
    mode: nullable.includes(name) ? 'NULLABLE' : 'REQUIRED',
  }))
}

const outcomeColumns = {
  part: 'STRING',
  version: 'STRING',
  load_id: 'STRING',
  lane: 'STRING',
  request_no: 'INTEGER',
  from_ordinal: 'INTEGER',
  to_ordinal: 'INTEGER',
  outcome: 'STRING',
  line_request_id: 'STRING',
  retry_key: 'STRING',
  outcome_at: 'TIMESTAMP',
  reason: 'STRING',
} as const

/**
 * Outcomes of one delivery as they were loaded. Of each part only the rows with its greatest version count; a load that
 * came twice under two ids is then no doubling.
 */
export const outcomesShape: TableShape = {
  // All may be NULL: a query that appends yields columns that may, and BigQuery refuses those for REQUIRED ones.
  fields: fields(outcomeColumns, Object.keys(outcomeColumns)),
}

/** One row a recipient of every delivery that has ended. */
export const logShape: TableShape = {
  fields: fields(
    {
      delivery_id: 'STRING',
      campaign_id: 'STRING',
      channel_id: 'STRING',
      user_id: 'STRING',
      lane: 'STRING',
      request_no: 'INTEGER',
      ordinal: 'INTEGER',
      outcome: 'STRING',
      line_request_id: 'STRING',
      retry_key: 'STRING',
      outcome_at: 'TIMESTAMP',
      reason: 'STRING',
    },
    ['line_request_id', 'retry_key', 'reason'],
  ),
  day: 'outcome_at',
  clustering: ['campaign_id', 'delivery_id'],
}

/** One row a click. */
export const clickShape: TableShape = {
  fields: fields(
    {
      click_id: 'STRING',
      clicked_at: 'TIMESTAMP',
      delivery_id: 'STRING',
      campaign_id: 'STRING',
      channel_id: 'STRING',
      variant: 'STRING',
      link_id: 'STRING',
      url: 'STRING',
      user_id: 'STRING',
    },
    ['variant', 'user_id'],
  ),
  day: 'clicked_at',
  clustering: ['campaign_id'],
}

/** One row a change of a friendship. */
export const friendEventShape: TableShape = {
  fields: fields({
    event_id: 'STRING',
    event_at: 'TIMESTAMP',
    channel_id: 'STRING',
    user_id: 'STRING',
    kind: 'STRING',
  }),
  clustering: ['channel_id', 'user_id'],
}

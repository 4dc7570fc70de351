// An uploaded list: the rows that it comes as, and what is known of it once it lies in the warehouse.

/** One row of an uploaded list. */
export interface ListRow {
  /** Line in the uploaded file, 1-based; no two rows share one. */
  line: number
  userId: string
  /** One value for each column of the list, in their order; null is NULL. */
  values: readonly (string | null)[]
}

/** An uploaded list as it lies in the warehouse. */
export interface StoredList {
  /** The name of its table, `list_<listId>`. */
  table: string
  /** Columns besides `user_id`, in order; all are text. */
  columns: string[]
  /** Distinct user ids. */
  rows: number
  /** One SELECT of the whole list in this warehouse's dialect: a segment's SQL. */
  sql: string
}

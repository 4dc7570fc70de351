// Segments: named queries on the warehouse.
import { v7 as uuidV7 } from 'uuid'
import { type Db } from './database.ts'

export interface Segment {
  id: string
  name: string
  dialect: 'duckdb' | 'bigquery'
  sql: string
  createdAt: Date
  updatedAt: Date
}

export type SegmentInput = Pick<Segment, 'name' | 'dialect' | 'sql'>

export interface Segments {
  create(input: SegmentInput): Promise<Segment>
  /** Changes it for deliveries that start from now on; those that began keep their SQL. */
  update(id: string, input: SegmentInput): Promise<Segment | undefined>
  find(id: string): Promise<Segment | undefined>
  list(): Promise<Segment[]>
}

const columns = [
  'id',
  'name',
  'dialect',
  'sql',
  'created_at as createdAt',
  'updated_at as updatedAt',
] as const

export function createSegments(db: Db): Segments {
  return {
    create: (input) =>
      db
        .insertInto('segment')
        .values({ id: uuidV7(), ...input })
        .returning(columns)
        .executeTakeFirstOrThrow(),
    update: (id, input) =>
      db
        .updateTable('segment')
        .set({ ...input, updated_at: new Date() })
        .where('id', '=', id)
        .returning(columns)
        .executeTakeFirst(),
    find: (id) => db.selectFrom('segment').select(columns).where('id', '=', id).executeTakeFirst(),
    list: () => db.selectFrom('segment').select(columns).orderBy('id').execute(),
  }
}

// Segments: named queries on the warehouse, some of them over a list that was uploaded as one.
import { sql } from 'kysely'
import { v7 as uuidV7 } from 'uuid'
import { type Db } from './database.ts'

export interface Segment {
  id: string
  name: string
  dialect: 'duckdb' | 'bigquery'
  sql: string
  createdAt: Date
  updatedAt: Date
  /** Set once it is deleted: no campaign takes or starts it any more. */
  deletedAt: Date | null
}

export type SegmentInput = Pick<Segment, 'name' | 'dialect' | 'sql'>

/** What became of an order to delete a segment. */
export type SegmentDeletion =
  /** It is deleted, now or before; with the id of the list that was uploaded as it, which is to go as well. */
  | { kind: 'deleted'; segment: Segment; listId: string | null }
  /** Its list is needed still: by other segments that read it, or by open deliveries that have not frozen yet. */
  | { kind: 'in use'; segments: Pick<Segment, 'id' | 'name'>[]; deliveryIds: string[] }

export interface Segments {
  /** @param input.listId of the list in the warehouse that is uploaded as this segment. */
  create(input: SegmentInput & { listId?: string }): Promise<Segment>
  /** Changes it for deliveries that start from now on; those that began keep their SQL. Not where it is deleted. */
  update(id: string, input: SegmentInput): Promise<Segment | undefined>
  /** Also one that is deleted. */
  find(id: string): Promise<Segment | undefined>
  /** Those that are not deleted. */
  list(): Promise<Segment[]>
  /** @returns undefined where there is no such segment. */
  delete(id: string): Promise<SegmentDeletion | undefined>
}

const columns = [
  'id',
  'name',
  'dialect',
  'sql',
  'created_at as createdAt',
  'updated_at as updatedAt',
  'deleted_at as deletedAt',
] as const

/** Who needs the list of a segment besides the segment itself. Names of tables are the same in small and capital letters. */
async function usersOf(tx: Db, id: string, listId: string) {
  const table = `list_${listId}`
  const segments = await tx
    .selectFrom('segment')
    .select(['id', 'name'])
    .where('id', '<>', id)
    .where('deleted_at', 'is', null)
    .where(sql<boolean>`strpos(lower(sql), ${table}) > 0`)
    .orderBy('id')
    .execute()
  // A frozen plan holds its recipients itself, and a retry is made of the plan that it retries.
  const deliveries = await tx
    .selectFrom('delivery')
    .leftJoin('plan', 'plan.delivery_id', 'delivery.id')
    .select('delivery.id')
    .where('delivery.ended_at', 'is', null)
    .where('delivery.retry_of', 'is', null)
    .where('plan.delivery_id', 'is', null)
    .where(sql<boolean>`strpos(lower(delivery.segment_sql), ${table}) > 0`)
    .orderBy('delivery.id')
    .execute()
  return { segments, deliveryIds: deliveries.map((delivery) => delivery.id) }
}

export function createSegments(db: Db): Segments {
  return {
    create: ({ listId, ...input }) =>
      db
        .insertInto('segment')
        .values({ id: uuidV7(), ...input, list_id: listId ?? null })
        .returning(columns)
        .executeTakeFirstOrThrow(),
    update: (id, input) =>
      db
        .updateTable('segment')
        .set({ ...input, updated_at: new Date() })
        .where('id', '=', id)
        .where('deleted_at', 'is', null)
        .returning(columns)
        .executeTakeFirst(),
    find: (id) => db.selectFrom('segment').select(columns).where('id', '=', id).executeTakeFirst(),
    list: () =>
      db
        .selectFrom('segment')
        .select(columns)
        .where('deleted_at', 'is', null)
        .orderBy('id')
        .execute(),
    delete: (id) =>
      db.transaction().execute(async (tx): Promise<SegmentDeletion | undefined> => {
        // First the lock, then the look: a start of a delivery holds it until the delivery can be seen.
        const found = await tx
          .selectFrom('segment')
          .select(['list_id', 'deleted_at'])
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst()
        if (!found) return undefined
        const listId = found.list_id
        // Asked again it is not refused: what of the list could not be removed then must go.
        if (listId !== null && !found.deleted_at) {
          const users = await usersOf(tx, id, listId)
          if (users.segments.length + users.deliveryIds.length > 0)
            return { kind: 'in use', ...users }
        }
        const segment = await tx
          .updateTable('segment')
          .set({ deleted_at: sql<Date>`coalesce(deleted_at, clock_timestamp())` })
          .where('id', '=', id)
          .returning(columns)
          .executeTakeFirstOrThrow()
        return { kind: 'deleted', segment, listId }
      }),
  }
}

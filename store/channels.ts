// Channels: LINE Messaging API channels, their sealed secrets, and the rate of each lane.
import { sql } from 'kysely'
import { v7 as uuidV7 } from 'uuid'
import { lanes, type Lane } from '../domain/lane.ts'
import { type Db } from './database.ts'
import { isUniqueViolation } from './postgres-errors.ts'
import { type SecretBox } from './secret-box.ts'

export interface Channel {
  id: string
  lineChannelId: string
  name: string
  /** Calls a second that this channel may spend on each lane; 0 stops the lane. */
  callsPerSecond: Record<Lane, number>
  createdAt: Date
  updatedAt: Date
}

/** A lane's rate as it is at this moment, in calls a second. */
export interface LaneRate {
  configured: number
  /** Below the configured rate after LINE answered 429; it recovers within a minute once other senders leave room. */
  adapted: number
  /** When LINE's answers last lowered it; null where the configured rate is in force. */
  since: Date | null
}

/** Another channel record already has this LINE channel id. */
export class ChannelExists extends Error {
  override readonly name = 'ChannelExists'
}

export interface Channels {
  /** @throws ChannelExists */
  create(input: {
    lineChannelId: string
    channelSecret: string
    name: string
    callsPerSecond: Record<Lane, number>
  }): Promise<Channel>
  find(id: string): Promise<Channel | undefined>
  list(): Promise<Channel[]>
  /** Changes name or secret; the LINE channel id never changes, for LINE's key memory hangs on it. */
  update(
    id: string,
    change: { name?: string | undefined; channelSecret?: string | undefined },
  ): Promise<Channel | undefined>
  /** Sets rates of the lanes named; in force for the next permit of the whole fleet. */
  setRate(id: string, change: Partial<Record<Lane, number>>): Promise<Channel | undefined>
  /** The rate in force on a lane; undefined where there is no such channel. */
  laneRate(lineChannelId: string, lane: Lane): Promise<LaneRate | undefined>
  secretOf(id: string): Promise<string | undefined>
}

/** Share of a lane's rate that is spent, so that jitter on the way does not run into LINE's own bucket. */
const paceShare = 0.98

export function createChannels(db: Db, box: SecretBox): Channels {
  const read = (row: {
    id: string
    line_channel_id: string
    name: string
    multicast_per_second: number
    push_per_second: number
    created_at: Date
    updated_at: Date
  }): Channel => ({
    id: row.id,
    lineChannelId: row.line_channel_id,
    name: row.name,
    callsPerSecond: { multicast: row.multicast_per_second, push: row.push_per_second },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  })

  async function setClocks(on: Db, channel: Channel): Promise<void> {
    for (const lane of lanes) {
      const calls_per_second = channel.callsPerSecond[lane] * paceShare
      await on
        .insertInto('lane_clock')
        .values({ line_channel_id: channel.lineChannelId, lane, calls_per_second })
        .onConflict((c) =>
          c.constraint('lane_clock_pk').doUpdateSet({
            calls_per_second,
            // What was spent at the old rate must not be waited for at the new one.
            spent_until: sql<Date>`least(lane_clock.spent_until, clock_timestamp() + interval '1 second')`,
            // An operator's word is in force at once: what was learnt at another rate is forgotten.
            lowered_at: sql<Date | null>`case when lane_clock.calls_per_second = excluded.calls_per_second
              then lane_clock.lowered_at end`,
          }),
        )
        .execute()
    }
  }

  return {
    async create({ lineChannelId, channelSecret, name, callsPerSecond }) {
      return db.transaction().execute(async (tx) => {
        const row = await tx
          .insertInto('channel')
          .values({
            id: uuidV7(),
            line_channel_id: lineChannelId,
            name,
            secret_sealed: box.seal(channelSecret),
            multicast_per_second: callsPerSecond.multicast,
            push_per_second: callsPerSecond.push,
          })
          .returningAll()
          .executeTakeFirstOrThrow()
          .catch((error: unknown) => {
            if (!isUniqueViolation(error, 'channel_line_channel_id_unique')) throw error
            throw new ChannelExists(`A channel with LINE channel id ${lineChannelId} exists.`, {
              cause: error,
            })
          })
        const channel = read(row)
        await setClocks(tx, channel)
        return channel
      })
    },
    async find(id) {
      const row = await db.selectFrom('channel').selectAll().where('id', '=', id).executeTakeFirst()
      return row && read(row)
    },
    async list() {
      const rows = await db.selectFrom('channel').selectAll().orderBy('id').execute()
      return rows.map(read)
    },
    async update(id, { name, channelSecret }) {
      const row = await db
        .updateTable('channel')
        .set({
          ...(name !== undefined && { name }),
          ...(channelSecret !== undefined && { secret_sealed: box.seal(channelSecret) }),
          updated_at: new Date(),
        })
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirst()
      return row && read(row)
    },
    async setRate(id, { multicast, push }) {
      return db.transaction().execute(async (tx) => {
        const row = await tx
          .updateTable('channel')
          .set({
            ...(multicast !== undefined && { multicast_per_second: multicast }),
            ...(push !== undefined && { push_per_second: push }),
            updated_at: new Date(),
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirst()
        if (!row) return undefined
        await setClocks(tx, read(row))
        return read(row)
      })
    },
    async laneRate(lineChannelId, lane) {
      const clock = await db
        .selectFrom('lane_clock')
        .select([
          'calls_per_second',
          'lowered_at',
          sql<number>`lane_rate(lane_clock, clock_timestamp())`.as('adapted'),
        ])
        .where('line_channel_id', '=', lineChannelId)
        .where('lane', '=', lane)
        .executeTakeFirst()
      if (!clock) return undefined
      const configured = clock.calls_per_second / paceShare
      const isLowered = clock.adapted < clock.calls_per_second
      return {
        configured,
        adapted: isLowered ? clock.adapted : configured,
        since: isLowered ? clock.lowered_at : null,
      }
    },
    async secretOf(id) {
      const row = await db
        .selectFrom('channel')
        .select('secret_sealed')
        .where('id', '=', id)
        .executeTakeFirst()
      return row && box.open(row.secret_sealed)
    },
  }
}

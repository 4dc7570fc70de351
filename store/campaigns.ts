// Campaigns: the intent to send a content to a segment through a channel.
import { v7 as uuidV7 } from 'uuid'
import { type Db } from './database.ts'

export interface Campaign {
  id: string
  name: string
  channelId: string
  contentId: string
  segmentId: string
  /** 1 (first) to 5 (last) among deliveries on one channel. */
  priority: number
  /** IANA name, for dates in Liquid. */
  timeZone: string
  /** BCP 47 tag, for names of months and days in Liquid. */
  locale: string
  /** LINE's customAggregationUnits: one name or none. */
  aggregationUnit: string | null
  /** Share of a plan, 0 to 1: a delivery in which more recipients can't be reached is paused. */
  pauseAtFailedShare: number
  createdAt: Date
  updatedAt: Date
}

export type CampaignInput = Omit<Campaign, 'id' | 'createdAt' | 'updatedAt'>

export interface Campaigns {
  create(input: CampaignInput): Promise<Campaign>
  find(id: string): Promise<Campaign | undefined>
  list(): Promise<Campaign[]>
}

const columns = [
  'id',
  'name',
  'channel_id as channelId',
  'content_id as contentId',
  'segment_id as segmentId',
  'priority',
  'time_zone as timeZone',
  'locale',
  'aggregation_unit as aggregationUnit',
  'pause_at_failed_share as pauseAtFailedShare',
  'created_at as createdAt',
  'updated_at as updatedAt',
] as const

export function createCampaigns(db: Db): Campaigns {
  return {
    create: (input) =>
      db
        .insertInto('campaign')
        .values({
          id: uuidV7(),
          name: input.name,
          channel_id: input.channelId,
          content_id: input.contentId,
          segment_id: input.segmentId,
          priority: input.priority,
          time_zone: input.timeZone,
          locale: input.locale,
          aggregation_unit: input.aggregationUnit,
          pause_at_failed_share: input.pauseAtFailedShare,
        })
        .returning(columns)
        .executeTakeFirstOrThrow(),
    find: (id) => db.selectFrom('campaign').select(columns).where('id', '=', id).executeTakeFirst(),
    list: () => db.selectFrom('campaign').select(columns).orderBy('id').execute(),
  }
}

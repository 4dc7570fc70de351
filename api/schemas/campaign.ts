// Campaigns on the wire, and the order to start one.
import { z } from 'zod'
import { answerType, bodyType, id, instant, listOf, name } from './wire.ts'

/** Names of the time zone database only: an offset such as +09:00 has no summer time. */
function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).format(0) !== ''
  } catch {
    return false
  }
}

function isLocale(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1
  } catch {
    return false
  }
}

export const campaignInput = bodyType(
  'CampaignInput',
  z.strictObject({
    name,
    channelId: id,
    contentId: id,
    segmentId: id,
    priority: z
      .int()
      .min(1)
      .max(5)
      .default(3)
      .describe('1 (first) to 5 (last) among deliveries on the same channel.'),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'must be an IANA time zone such as Asia/Tokyo.' })
      .default('Asia/Tokyo')
      .describe('IANA time zone, for dates in Liquid.'),
    locale: z
      .string()
      .refine(isLocale, { error: 'must be a BCP 47 language tag such as ja or en-US.' })
      .default('ja')
      .describe('BCP 47 language tag, for names of days and months in Liquid.'),
    aggregationUnit: z
      .string()
      .regex(/^[A-Za-z0-9_]{1,30}$/, { error: 'must be 1 to 30 letters, digits or underscores.' })
      .nullable()
      .optional()
      .describe(
        "Name for LINE's statistics (customAggregationUnits); one is made where it is left out, null sends none.",
      ),
    pauseAtFailedShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe(
        'A delivery pauses when a larger share of its plan than this, and at least 100 recipients, is rejected, skipped or unknown. 1 never pauses.',
      ),
  }),
)

export const campaign = answerType(
  'Campaign',
  z.strictObject({
    id,
    name: z.string(),
    channelId: id,
    contentId: id,
    segmentId: id,
    priority: z.int(),
    timeZone: z.string(),
    locale: z.string(),
    aggregationUnit: z.string().nullable(),
    pauseAtFailedShare: z.number(),
    createdAt: instant,
    updatedAt: instant,
  }),
)

export const campaignList = answerType('CampaignList', listOf(campaign))

export const startInput = bodyType(
  'StartInput',
  z.strictObject({
    occurrence: z
      .union([z.literal('once'), z.strictObject({ again: z.int().min(1).max(1_000_000) })])
      .default('once')
      .describe(
        'Which run this is. The same run asked for twice is one delivery; {"again": n} is another.',
      ),
    by: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Who starts it; the name of the token where it is left out.'),
  }),
)

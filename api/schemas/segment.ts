// Segments on the wire.
import { z } from 'zod'
import { answerType, bodyType, id, instant, listOf, name } from './wire.ts'

const sql = z
  .string()
  .min(1)
  .max(100_000)
  .describe("One SELECT in the warehouse's dialect that yields user_id, and columns for variables.")

export const segmentInput = bodyType('SegmentInput', z.strictObject({ name, sql }))

export const segmentPreviewInput = bodyType('SegmentPreviewInput', z.strictObject({ sql }))

export const segment = answerType(
  'Segment',
  z.strictObject({
    id,
    name: z.string(),
    dialect: z.enum(['duckdb', 'bigquery']),
    sql: z.string(),
    createdAt: instant,
    updatedAt: instant,
  }),
)

export const segmentList = answerType('SegmentList', listOf(segment))

export const segmentPreview = answerType(
  'SegmentPreview',
  z.strictObject({
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    hasRows: z.boolean().describe('Whether the segment yields at least one row now.'),
  }),
)

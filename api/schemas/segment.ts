// Segments on the wire.
import { z } from 'zod'
import { answerType, bodyType, count, id, instant, listOf, name } from './wire.ts'

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
    deletedAt: instant
      .nullable()
      .describe('When it was deleted: no delivery of it starts any more.'),
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

export const segmentUploadQuery = z.strictObject({ name })

export const segmentUpload = answerType(
  'SegmentUpload',
  z.strictObject({
    segment,
    table: z.string().describe('The table of the list; SQL of segments may read it.'),
    columns: z.array(z.string()).describe('Its columns, all of them text.'),
    encoding: z
      .enum(['utf-8', 'utf-16le', 'utf-16be', 'shift_jis'])
      .describe('How the text was found to be written.'),
    read: count.describe('Lines of data: valid, duplicates and rejected together.'),
    valid: count.describe('Distinct user ids.'),
    duplicates: count.describe('Lines whose id stands on a line before.'),
    rejected: count.describe('Lines that could not be used.'),
    rejectedLines: z
      .array(
        z.strictObject({
          line: z.int().min(1),
          why: z.enum(['no-user-id', 'wrong-number-of-values', 'value-too-long', 'unusable-sign']),
        }),
      )
      .describe('The first hundred lines that could not be used; 1 is the first line of the file.'),
  }),
)

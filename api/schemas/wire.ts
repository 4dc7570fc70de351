// Forms that many wire types share, and the registries that give wire types their names in OpenAPI.
import { z } from 'zod'

/** Names of types that clients send. */
export const bodyTypes = z.registry<{ id: string }>()
/** Names of types that clients are answered with. */
export const answerTypes = z.registry<{ id: string }>()

/** Names a type that clients send. */
export function bodyType<S extends z.ZodType>(id: string, schema: S): S {
  bodyTypes.add(schema, { id })
  return schema
}

/** Names a type that clients are answered with. */
export function answerType<S extends z.ZodType>(id: string, schema: S): S {
  answerTypes.add(schema, { id })
  return schema
}

/** The id of something stored. */
export const id = z.uuid({ error: 'must be an id (a UUID), as the API gave it.' })

export const idParams = z.object({ id })

/** An instant in ISO 8601, UTC. */
export const instant = z.iso.datetime()

/** A name that people see. */
export const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/\S/, { error: 'must have a character that is not white space.' })
  .describe('A name for people, 1 to 200 characters.')

export const count = z.int().min(0)

/** The envelope of every list; more fields may join `items`. */
export const listOf = <S extends z.ZodType>(schema: S) => z.strictObject({ items: z.array(schema) })

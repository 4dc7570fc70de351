// Bearer tokens of the API, of which only a digest is kept.
import { createHash } from 'node:crypto'
import { type Db } from './database.ts'

export interface ApiTokens {
  /** Lets the token in under this name; again is the same. */
  allow(token: string, name: string): Promise<void>
  /** The name of the token, where it is let in. */
  nameOf(token: string): Promise<string | undefined>
}

const digest = (token: string) => createHash('sha256').update(token).digest('hex')

export function createApiTokens(db: Db): ApiTokens {
  return {
    async allow(token, name) {
      await db
        .insertInto('api_token')
        .values({ token_sha256: digest(token), name })
        .onConflict((c) => c.column('token_sha256').doNothing())
        .execute()
    },
    async nameOf(token) {
      // Looked up by digest, so that the time taken tells nothing of the token.
      const row = await db
        .selectFrom('api_token')
        .select('name')
        .where('token_sha256', '=', digest(token))
        .executeTakeFirst()
      return row?.name
    },
  }
}

// Contents: what is sent, in versions that never change.
import { v7 as uuidV7 } from 'uuid'
import { type Db } from './database.ts'

export interface ContentVersion {
  id: string
  name: string
  version: number
  /** LINE message objects with Liquid in their string values. */
  messages: unknown[]
  notificationDisabled: boolean
  /** Names of the variables that the messages use, sorted. */
  variables: string[]
  createdAt: Date
}

export interface ContentInput {
  name: string
  messages: unknown[]
  notificationDisabled: boolean
  variables: string[]
}

export interface Contents {
  create(input: ContentInput): Promise<ContentVersion>
  /** Adds a version; deliveries that began keep theirs. */
  revise(id: string, input: ContentInput): Promise<ContentVersion | undefined>
  /** The latest version, or the one asked for. */
  find(id: string, version?: number): Promise<ContentVersion | undefined>
  list(): Promise<ContentVersion[]>
}

export function createContents(db: Db): Contents {
  const query = () =>
    db
      .selectFrom('content')
      .innerJoin('content_version', 'content_version.content_id', 'content.id')
      .select([
        'content.id',
        'content.name',
        'content_version.version',
        'content_version.messages',
        'content_version.notification_disabled as notificationDisabled',
        'content_version.variables',
        'content_version.created_at as createdAt',
      ])

  async function insertVersion(on: Db, id: string, version: number, input: ContentInput) {
    await on
      .insertInto('content_version')
      .values({
        content_id: id,
        version,
        messages: JSON.stringify(input.messages),
        notification_disabled: input.notificationDisabled,
        variables: input.variables,
      })
      .execute()
  }

  const contents: Contents = {
    async create(input) {
      const id = uuidV7()
      await db.transaction().execute(async (tx) => {
        await tx.insertInto('content').values({ id, name: input.name, latest_version: 1 }).execute()
        await insertVersion(tx, id, 1, input)
      })
      const made = await contents.find(id)
      if (!made) throw new Error(`Content ${id} vanished after it was made.`)
      return made
    },
    async revise(id, input) {
      const version = await db.transaction().execute(async (tx) => {
        const row = await tx
          .updateTable('content')
          .set((e) => ({
            name: input.name,
            latest_version: e('latest_version', '+', 1),
            updated_at: new Date(),
          }))
          .where('id', '=', id)
          .returning('latest_version')
          .executeTakeFirst()
        if (row) await insertVersion(tx, id, row.latest_version, input)
        return row?.latest_version
      })
      return version === undefined ? undefined : contents.find(id, version)
    },
    async find(id, version) {
      return query()
        .where('content.id', '=', id)
        .where((e) =>
          version === undefined
            ? e('content_version.version', '=', e.ref('content.latest_version'))
            : e('content_version.version', '=', version),
        )
        .executeTakeFirst()
    },
    async list() {
      return query()
        .whereRef('content_version.version', '=', 'content.latest_version')
        .orderBy('content.id')
        .execute()
    },
  }
  return contents
}

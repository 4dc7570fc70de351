// Makes the sample warehouse: friends, purchases and clicks, the same for the same seed.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

export interface SampleWarehouse {
  /** Well-formed user ids of all friends, some thousand at a time; the blocked ones by themselves. */
  friends(kind: 'friend' | 'blocked'): AsyncIterable<string[]>
  /** The Parquet file of each table. */
  tables: { name: string; file: string }[]
  close(): void
}

/** Every how many friends one has blocked the account. */
const oneBlockedIn = 100
/** Ids that no LINE user can have, as a warehouse of many years has some. */
const malformedIds = ['', 'U123', 'u' + '0'.repeat(32), 'U' + 'G'.repeat(32), 'C' + 'a'.repeat(32)]

const prefectures = ['Tokyo', 'Osaka', 'Aichi', 'Fukuoka', 'Hokkaido']

/**
 * Writes `<dataDir>/tables/{friends,purchases,clicks}/*.parquet`.
 * Everything about a friend follows from the seed and the friend's number, so a seed is enough to repeat a run.
 */
export async function makeSampleWarehouse(options: {
  dataDir: string
  recipients: number
  seed: number
}): Promise<SampleWarehouse> {
  const { dataDir, recipients, seed } = options
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '512MB' })
  const db = await instance.connect()
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`

  const tables: { name: string; file: string }[] = []
  async function table(name: string, query: string): Promise<string> {
    const folder = join(dataDir, 'tables', name)
    await mkdir(folder, { recursive: true })
    const file = join(folder, 'sample.parquet')
    await db.run(`COPY (${query}) TO ${quote(file)} (FORMAT parquet, COMPRESSION zstd)`)
    tables.push({ name, file })
    return file
  }

  // draw(i, n): a number below n that looks random and is the same on every machine.
  await db.run(
    `CREATE MACRO draw(i, what, n) AS
      CAST(md5_number_lower(${seed} || '/' || what || '/' || i) % n AS INTEGER)`,
  )
  await db.run(`CREATE MACRO user_id(i) AS 'U' || md5(${seed} || '/friend/' || i)`)
  const places = `[${prefectures.map(quote).join(', ')}]`
  const friends = await table(
    'friends',
    `SELECT user_id(i) AS user_id, 'Friend ' || i AS name, ${places}[1 + draw(i, 'place', 5)] AS prefecture,
        ['regular', 'silver', 'gold'][1 + draw(i, 'rank', 3)] AS rank, draw(i, 'points', 5000) AS points,
        draw(i, 'blocked', ${oneBlockedIn}) = 0 AS has_blocked
      FROM range(${recipients}) t(i)
      UNION ALL SELECT unnest([${malformedIds.map(quote).join(', ')}]), 'Nobody', 'Tokyo', 'gold', 0, false`,
  )
  await table(
    'purchases',
    `SELECT user_id(draw(i, 'buyer', ${recipients})) AS user_id, 100 * (1 + draw(i, 'yen', 300)) AS amount_yen,
        DATE '2026-01-01' + draw(i, 'day', 300) AS purchased_on
      FROM range(${Math.ceil(recipients / 2)}) t(i)`,
  )
  await table(
    'clicks',
    `SELECT user_id(draw(i, 'clicker', ${recipients})) AS user_id, 'https://shop.example/' || draw(i, 'page', 20) AS url,
        TIMESTAMP '2026-01-01' + to_minutes(draw(i, 'minute', 400000)) AS clicked_at
      FROM range(${Math.ceil(recipients / 4)}) t(i)`,
  )

  return {
    tables,
    async *friends(kind) {
      const result = await db.stream(
        `SELECT user_id FROM ${quote(friends)}
          WHERE regexp_full_match(user_id, 'U[0-9a-f]{32}') AND ${kind === 'blocked' ? '' : 'NOT '}has_blocked`,
      )
      for (;;) {
        const chunk = await result.fetchChunk()
        if (!chunk || chunk.rowCount === 0) return
        yield chunk.getColumnValues(0).map(String)
      }
    },
    close() {
      db.closeSync()
      instance.closeSync()
    },
  }
}

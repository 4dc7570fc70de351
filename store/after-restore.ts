// Makes a database that was restored from a backup safe to send from: paused, and whatever is open in doubt.
import pg from 'pg'
import { requireCurrentSchema } from './migrate.ts'

/** What became of an open delivery. */
export interface RestoredDelivery {
  id: string
  gate: 'paused' | 'cancelled'
}

/** Above every number that workflows can have seen since the backup, so that the news is not taken for old. */
const gateStep = 1_000_000

/**
 * Holds every open delivery, and notes that each of its open batches may have been called since the backup. Then a
 * request without an outcome is asked again with its key while LINE remembers it, and is `unknown` after that.
 * A delivery that had no plan yet is cancelled: a plan that it got since is lost, and another under the same keys would
 * take LINE's answers to the first for its own. Nothing else may use the database meanwhile. Again does no harm.
 * @param options.takenAt of the backup.
 * @param options.callsEndInMs when the last call that a worker has started can be over.
 * @throws SchemaMismatch
 */
export async function makeSafeAfterRestore(options: {
  databaseUrl: string
  takenAt: Date
  callsEndInMs: number
}): Promise<RestoredDelivery[]> {
  const { databaseUrl, takenAt, callsEndInMs } = options
  await requireCurrentSchema(databaseUrl)
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('begin')
    const why = `PostgreSQL was restored from a backup of ${takenAt.toISOString()}.`
    const { rows } = await client.query<RestoredDelivery>(
      `update delivery d set
        gate = case when gate = 'cancelled' or not exists (select from plan p where p.delivery_id = d.id)
          then 'cancelled' else 'paused' end,
        gate_seq = gate_seq + $1, gate_by = case when gate = 'cancelled' then gate_by else 'LFM' end,
        gate_why = case when gate = 'cancelled' then gate_why else $2 end,
        gate_at = clock_timestamp(), restored_at = clock_timestamp()
        where ended_at is null
        returning id, gate`,
      [gateStep, why],
    )
    const ids = rows.map(({ id }) => id)
    await client.query(
      `insert into delivery_event (delivery_id, kind, by_whom, detail)
        select unnest($1::uuid[]), 'restored', 'LFM', $2`,
      [ids, why],
    )
    // Batches that the backup knows nothing of; 20 multicasts or 500 pushes each, as in domain/lane.ts.
    await client.query(
      `insert into batch (delivery_id, lane, batch_no, plan_attempt, body_digest, recipients, first_call_at)
        select p.delivery_id, l.lane, n, p.attempt, '', 1, $2
        from plan p
        cross join lateral (values ('multicast', ceil(p.multicast_requests / 20.0)::integer),
          ('push', ceil(p.push_requests / 500.0)::integer)) l (lane, batches)
        cross join lateral generate_series(0, l.batches - 1) n
        where p.delivery_id = any($1::uuid[])
        on conflict on constraint batch_pk do nothing`,
      [ids, takenAt],
    )
    // A key that was dead by then has been called under its next generation only, if at all.
    await client.query(
      `update batch b set records = (select jsonb_object_agg(r.key, case
          when r.value ->> 'state' = 'not-accepted'
            and (r.value ->> 'firstCallAt')::timestamptz < $2::timestamptz - interval '23 hours 10 minutes'
          then r.value - 'settledBy' || jsonb_build_object('state', 'in-doubt', 'everInDoubt', true, 'refusals', 0,
            'calls', 0, 'generation', (r.value ->> 'generation')::integer + 1, 'firstCallAt', $3::text)
          else r.value end) from jsonb_each(b.records) r)
        where b.delivery_id = any($1::uuid[]) and b.records <> '{}'
          and accepted + rejected + unknown + skipped + unsent < recipients`,
      [ids, takenAt, takenAt.toISOString()],
    )
    // An attempt that may have begun right after the backup, and that nobody knows the end of.
    await client.query(
      `with begun as (
        update batch set attempts = attempts + 1
          where delivery_id = any($1::uuid[])
            and accepted + rejected + unknown + skipped + unsent < recipients
          returning delivery_id, lane, batch_no, attempts)
        insert into batch_attempt (delivery_id, lane, batch_no, attempt_no, round, first_call_at, calls_end_by)
        select delivery_id, lane, batch_no, attempts, 0, $2,
          clock_timestamp() + make_interval(secs => $3::double precision / 1000) from begun`,
      [ids, takenAt, callsEndInMs],
    )
    await client.query('commit')
    return rows
  } finally {
    // What was not committed is rolled back by this.
    await client.end()
  }
}

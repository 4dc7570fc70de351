// When the attempts of a delivery's batches are over, as its ledger tells.
import { vi } from 'vitest'
import { query } from '../store/open-store.ts'

/** Batches whose last attempt is under way or was killed: somebody is on no record, or on that of an earlier one. */
const running = `select 1 from batch b where b.delivery_id = $1 and (
  (select coalesce(sum((r.value ->> 'recipients')::integer), 0) from jsonb_each(b.records) r
    where r.value ->> 'state' <> 'split') < b.recipients
  or exists (select from jsonb_each(b.records) r where r.value ->> 'state' = 'not-accepted'
    and (r.value ->> 'settledBy')::integer is distinct from b.attempts))`

/** Resolves when every attempt of a delivery that is held has ended in order: what it called is on record. */
export async function untilAttemptsEnded(databaseUrl: string, deliveryId: string): Promise<void> {
  await vi.waitUntil(async () => (await query(databaseUrl, running, [deliveryId])).length === 0, {
    timeout: 60_000,
    interval: 50,
  })
}

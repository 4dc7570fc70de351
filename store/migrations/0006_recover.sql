-- What it takes to begin a delivery's workflow again from the store alone, also from a store that was restored.

alter table delivery
  -- The round in which a cancelled delivery's ledger is closed: the same whoever closes it, however often.
  add column closing_round integer,
  -- Set when the database was restored from a backup, until the delivery is recovered: whatever workflow of it runs
  -- knows things that are no longer here.
  add column restored_at timestamptz;

-- As before; but a batch that was only noted after a restore, as one that may have been called, has no digest yet.
create or replace function begin_batch_attempt(
  p_delivery uuid, p_lane text, p_batch integer, p_plan_attempt text, p_digest text, p_recipients integer,
  p_round integer
) returns table (
  attempt_no integer, records jsonb, attempt_ages_ms double precision[], earlier_calls_end_in_ms double precision
) language plpgsql as $$
declare
  b batch%rowtype;
begin
  insert into batch (delivery_id, lane, batch_no, plan_attempt, body_digest, recipients)
    values (p_delivery, p_lane, p_batch, p_plan_attempt, p_digest, p_recipients)
    on conflict on constraint batch_pk do nothing;
  -- Waits for a permit that an earlier attempt is taking at this moment, so that its calls_end_by is seen below.
  update batch set attempts = attempts + 1, body_digest = p_digest, recipients = p_recipients
    where delivery_id = p_delivery and lane = p_lane and batch_no = p_batch
      and plan_attempt = p_plan_attempt and body_digest in (p_digest, '')
    returning * into b;
  if not found then
    return;
  end if;
  insert into batch_attempt (delivery_id, lane, batch_no, attempt_no, round)
    values (p_delivery, p_lane, p_batch, b.attempts, p_round);
  return query
    select b.attempts, b.records,
      array_agg((extract(epoch from clock_timestamp() - a.first_call_at) * 1000)::double precision order by a.attempt_no),
      coalesce(max(extract(epoch from a.calls_end_by - clock_timestamp()) * 1000)
        filter (where a.attempt_no < b.attempts), 0)::double precision
    from batch_attempt a where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch;
end $$;

-- The three statements of the ledger that have to be one statement each: begin an attempt, take a permit, merge outcomes.

-- Begins an attempt of a batch. Answers what is recorded, how long ago each attempt up to this one began, and until
-- when earlier attempts may still be on the wire.
-- Refuses (no row) where an earlier attempt rendered other bodies or another plan: that is a defect, never a resend.
create function begin_batch_attempt(
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
  update batch set attempts = attempts + 1
    where delivery_id = p_delivery and lane = p_lane and batch_no = p_batch
      and plan_attempt = p_plan_attempt and body_digest = p_digest
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

-- A permit for n calls: moves the lane's clock on for the whole fleet (GCRA, burst of a tenth of a second of the rate).
-- answer: granted | wait (nothing taken; ask again after wait_ms) | paused | cancelled | stopped (rate 0) | superseded.
-- The delivery row is locked against a change of the gate while the permit is made, so that once a pause has been
-- committed no permit can come from before it.
create function take_permit(
  p_delivery uuid, p_lane text, p_batch integer, p_attempt integer, p_line_channel text,
  p_calls integer, p_deadline_ms double precision, p_longest_wait_ms double precision, p_lifetime_ms double precision
) returns table (
  answer text, calls integer, wait_ms double precision, calls_per_second double precision, gate_seq integer
) language plpgsql as $$
declare
  d record;
  c record;
  last_attempt integer;
  n integer;
  now_at timestamptz;
  starts_at timestamptz;
begin
  select x.gate, x.gate_seq into d from delivery x where x.id = p_delivery for share;
  if d.gate <> 'open' then
    return query select d.gate, 0, 0::double precision, 0::double precision, d.gate_seq;
    return;
  end if;
  -- Shared with no attempt that begins: either it waits for this permit, or this one is found to be superseded.
  select x.attempts into last_attempt from batch x
    where x.delivery_id = p_delivery and x.lane = p_lane and x.batch_no = p_batch for share;
  if last_attempt > p_attempt then
    return query select 'superseded', 0, 0::double precision, 0::double precision, d.gate_seq;
    return;
  end if;
  select x.calls_per_second, x.spent_until into c from lane_clock x
    where x.line_channel_id = p_line_channel and x.lane = p_lane for update;
  if not found or c.calls_per_second <= 0 then
    return query select 'stopped', 0, 0::double precision, 0::double precision, d.gate_seq;
    return;
  end if;
  -- Read after the lock was had: waiting for it must not make the permit start in the past.
  now_at := clock_timestamp();
  starts_at := greatest(c.spent_until, now_at - interval '100 ms');
  if starts_at > now_at + make_interval(secs => p_longest_wait_ms / 1000) then
    return query select 'wait', 0, extract(epoch from starts_at - now_at)::double precision * 1000 - p_longest_wait_ms,
      c.calls_per_second, d.gate_seq;
    return;
  end if;
  -- Whatever rate the asker had in mind: a permit covers half a second of the rate as it is now, and one call at least.
  n := least(p_calls, greatest(1, floor(c.calls_per_second * 0.5)::integer));
  update lane_clock x set spent_until = starts_at + make_interval(secs => n / c.calls_per_second)
    where x.line_channel_id = p_line_channel and x.lane = p_lane;
  starts_at := greatest(starts_at, now_at);
  update batch_attempt a set calls_end_by = greatest(a.calls_end_by,
      starts_at + make_interval(secs => (p_lifetime_ms + p_deadline_ms) / 1000))
    where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch and a.attempt_no = p_attempt;
  return query select 'granted', n, extract(epoch from starts_at - now_at)::double precision * 1000,
    c.calls_per_second, d.gate_seq;
end $$;

-- Merges records into a batch's row, whoever else writes: what was accepted stays accepted, and an outcome or a split
-- gives way to nothing but an acceptance. A cut-off attempt that reports late would else open again what its
-- successor has split, and whole and part would both be called.
create function merge_records(p_delivery uuid, p_lane text, p_batch integer, p_attempt integer, p_records jsonb)
returns void language plpgsql as $$
declare
  known jsonb;
  given jsonb := p_records;
  last_attempt integer;
  merged jsonb;
begin
  select b.records, b.attempts into known, last_attempt from batch b
    where b.delivery_id = p_delivery and b.lane = p_lane and b.batch_no = p_batch for update;
  -- Of a superseded attempt only acceptances are news: its successor takes everything else as in doubt anyway.
  if p_attempt < last_attempt then
    given := coalesce((select jsonb_object_agg(r.key, r.value) from jsonb_each(given) r
      where r.value ->> 'state' = 'accepted'), '{}');
  end if;
  merged := known || given || coalesce((select jsonb_object_agg(r.key, r.value) from jsonb_each(known) r
    where r.value ->> 'state' in ('accepted', 'split')
      or r.value ->> 'state' in ('rejected', 'skipped', 'unknown', 'unsent')
        and given -> r.key ->> 'state' is distinct from 'accepted'), '{}');
  update batch b set records = merged, updated_at = clock_timestamp(),
    (accepted, rejected, unknown, skipped, unsent) = (
      select coalesce(sum(r.recipients) filter (where r.state = 'accepted'), 0),
        coalesce(sum(r.recipients) filter (where r.state = 'rejected'), 0),
        coalesce(sum(r.recipients) filter (where r.state = 'unknown'), 0),
        coalesce(sum(r.recipients) filter (where r.state = 'skipped'), 0),
        coalesce(sum(r.recipients) filter (where r.state = 'unsent'), 0)
      from (select e.value ->> 'state' as state, (e.value ->> 'recipients')::integer as recipients
        from jsonb_each(merged) e) r)
    where b.delivery_id = p_delivery and b.lane = p_lane and b.batch_no = p_batch;
end $$;

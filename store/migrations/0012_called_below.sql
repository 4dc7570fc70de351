-- A permit notes which requests it may call, so that what no permit covered is known never to have been called.

alter table batch_attempt
  -- No permit of this attempt was for a request of this number or a higher one. Whoever does not say it may have called all.
  add column called_below integer not null default 2147483647;

-- As before; an attempt begins with no call, and answers up to where each one before it may have called.
drop function begin_batch_attempt(uuid, text, integer, text, text, integer, integer);
create function begin_batch_attempt(
  p_delivery uuid, p_lane text, p_batch integer, p_plan_attempt text, p_digest text, p_recipients integer,
  p_round integer
) returns table (
  attempt_no integer, records jsonb, attempt_ages_ms double precision[], earlier_calls_end_in_ms double precision,
  gate_seq integer, called_below integer[]
) language plpgsql as $$
declare
  b batch%rowtype;
  d record;
begin
  -- Locked against a cancel while the attempt begins: whoever closes the ledger afterwards sees it.
  select x.gate, x.gate_seq into d from delivery x where x.id = p_delivery for share;
  if d.gate = 'cancelled' then
    return query select null::integer, null::jsonb, null::double precision[], null::double precision, d.gate_seq,
      null::integer[];
    return;
  end if;
  insert into batch (delivery_id, lane, batch_no, plan_attempt, body_digest, recipients)
    values (p_delivery, p_lane, p_batch, p_plan_attempt, p_digest, p_recipients)
    on conflict on constraint batch_pk do nothing;
  -- Waits for a permit that an earlier attempt is taking at this moment, so that its calls_end_by and called_below are
  -- seen below.
  update batch set attempts = attempts + 1, body_digest = p_digest, recipients = p_recipients
    where delivery_id = p_delivery and lane = p_lane and batch_no = p_batch
      and plan_attempt = p_plan_attempt and body_digest in (p_digest, '')
    returning * into b;
  if not found then
    return;
  end if;
  insert into batch_attempt (delivery_id, lane, batch_no, attempt_no, round, called_below)
    values (p_delivery, p_lane, p_batch, b.attempts, p_round, 0);
  return query
    select b.attempts, b.records,
      array_agg((extract(epoch from clock_timestamp() - a.first_call_at) * 1000)::double precision order by a.attempt_no),
      coalesce(max(extract(epoch from a.calls_end_by - clock_timestamp()) * 1000)
        filter (where a.attempt_no < b.attempts), 0)::double precision,
      d.gate_seq,
      coalesce(array_agg(a.called_below order by a.attempt_no) filter (where a.attempt_no < b.attempts), '{}')
    from batch_attempt a where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch;
end $$;

-- As before; and the permit, once given, says that its calls are for requests below a number. In one statement with the
-- rest: whatever may be called is on record before the asker can have heard of it.
create function take_permit(
  p_delivery uuid, p_lane text, p_batch integer, p_attempt integer, p_line_channel text,
  p_calls integer, p_below_request integer, p_deadline_ms double precision, p_longest_wait_ms double precision,
  p_lifetime_ms double precision
) returns table (
  answer text, calls integer, wait_ms double precision, calls_per_second double precision, gate_seq integer,
  lowerings integer
) language plpgsql as $$
declare
  d record;
  given record;
  last_attempt integer;
  rate double precision;
  now_at timestamptz;
begin
  select x.gate, x.gate_seq into d from delivery x where x.id = p_delivery for share;
  if d.gate <> 'open' then
    return query select d.gate, 0, 0::double precision, 0::double precision, d.gate_seq, 0;
    return;
  end if;
  -- Shared with no attempt that begins: either it waits for this permit, or this one is found to be superseded.
  select x.attempts into last_attempt from batch x
    where x.delivery_id = p_delivery and x.lane = p_lane and x.batch_no = p_batch for share;
  if last_attempt > p_attempt then
    return query select 'superseded', 0, 0::double precision, 0::double precision, d.gate_seq, 0;
    return;
  end if;
  select x.calls_per_second into rate from lane_clock x
    where x.line_channel_id = p_line_channel and x.lane = p_lane for update;
  if not found or rate <= 0 then
    return query select 'stopped', 0, 0::double precision, 0::double precision, d.gate_seq, 0;
    return;
  end if;
  -- Read after the lock was had: waiting for it must not make the permit start in the past.
  now_at := clock_timestamp();
  select * into given from spend_lane(p_line_channel, p_lane, p_calls, p_longest_wait_ms, now_at);
  if given.calls = 0 then
    return query select 'wait', 0, given.wait_ms, given.calls_per_second, d.gate_seq, given.lowerings;
    return;
  end if;
  update batch_attempt a set called_below = greatest(a.called_below, p_below_request),
      calls_end_by = greatest(a.calls_end_by,
        now_at + make_interval(secs => (given.wait_ms + p_lifetime_ms + p_deadline_ms) / 1000))
    where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch and a.attempt_no = p_attempt;
  return query select 'granted', given.calls, given.wait_ms, given.calls_per_second, d.gate_seq, given.lowerings;
end $$;

-- A worker of the release before this one, still at work while it is replaced: it may call whatever is in its batch.
create or replace function take_permit(
  p_delivery uuid, p_lane text, p_batch integer, p_attempt integer, p_line_channel text,
  p_calls integer, p_deadline_ms double precision, p_longest_wait_ms double precision, p_lifetime_ms double precision
) returns table (
  answer text, calls integer, wait_ms double precision, calls_per_second double precision, gate_seq integer,
  lowerings integer
) language sql as $$
  select * from take_permit(p_delivery, p_lane, p_batch, p_attempt, p_line_channel, p_calls, 2147483647,
    p_deadline_ms, p_longest_wait_ms, p_lifetime_ms)
$$;

-- No attempt begins once a delivery is cancelled, a clock that goes back costs a lane little, and accepted keys are found.

-- As before; but of a cancelled delivery no attempt begins (a row without an attempt number): its ledger is closed, or
-- will be, and whom an attempt that has stalled until then left open nobody would look at again.
drop function begin_batch_attempt(uuid, text, integer, text, text, integer, integer);
create function begin_batch_attempt(
  p_delivery uuid, p_lane text, p_batch integer, p_plan_attempt text, p_digest text, p_recipients integer,
  p_round integer
) returns table (
  attempt_no integer, records jsonb, attempt_ages_ms double precision[], earlier_calls_end_in_ms double precision,
  gate_seq integer
) language plpgsql as $$
declare
  b batch%rowtype;
  d record;
begin
  -- Locked against a cancel while the attempt begins: whoever closes the ledger afterwards sees it.
  select x.gate, x.gate_seq into d from delivery x where x.id = p_delivery for share;
  if d.gate = 'cancelled' then
    return query select null::integer, null::jsonb, null::double precision[], null::double precision, d.gate_seq;
    return;
  end if;
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
        filter (where a.attempt_no < b.attempts), 0)::double precision,
      d.gate_seq
    from batch_attempt a where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch;
end $$;

-- As before; but before its lowering a rate is what it was lowered to, and never less: a clock may go back.
create or replace function lane_rate(c lane_clock, p_at timestamptz) returns double precision language sql immutable as $$
  select case when c.lowered_at is null then c.calls_per_second else
    least(c.calls_per_second, c.bearable_per_second + 9e-6 * c.calls_per_second * power(
      greatest(0, extract(epoch from p_at - c.lowered_at)::double precision)
        - cbrt((c.bearable_per_second - c.lowered_to) / (9e-6 * c.calls_per_second)), 3)) end
$$;

-- As before; but what a lane's row says of the future is what a clock that has gone back since wrote. No permit leaves
-- more spent than the longest wait, its own half second and the gap of a lowering, or one call at a slow rate.
create or replace function spend_lane(
  p_line_channel text, p_lane text, p_calls integer, p_longest_wait_ms double precision, p_at timestamptz
) returns table (calls integer, wait_ms double precision, calls_per_second double precision, lowerings integer)
language plpgsql as $$
declare
  c lane_clock%rowtype;
  rate double precision;
  n integer;
  starts_at timestamptz;
  latest timestamptz;
begin
  select * into c from lane_clock x where x.line_channel_id = p_line_channel and x.lane = p_lane for update;
  rate := lane_rate(c, p_at);
  latest := p_at + make_interval(secs => p_longest_wait_ms / 1000 + 2 + 1 / rate);
  if c.spent_until > latest or c.lowered_at > p_at or c.watched_since > p_at then
    update lane_clock x set spent_until = least(x.spent_until, latest), lowered_at = case when x.lowered_at > p_at then p_at else x.lowered_at end,
        watched_since = case when x.watched_since > p_at then p_at else x.watched_since end
      where x.line_channel_id = p_line_channel and x.lane = p_lane
      returning * into c;
    rate := lane_rate(c, p_at);
  end if;
  starts_at := greatest(c.spent_until, p_at - interval '10 ms');
  if starts_at > p_at + make_interval(secs => p_longest_wait_ms / 1000) then
    return query select 0, extract(epoch from starts_at - p_at)::double precision * 1000 - p_longest_wait_ms,
      rate, c.lowerings;
    return;
  end if;
  -- Whatever rate the asker had in mind: a permit covers half a second of the rate as it is now, and one call at least.
  n := least(p_calls, greatest(1, floor(rate * 0.5)::integer));
  update lane_clock x set spent_until = starts_at + make_interval(secs => n / rate),
      watched_calls = x.watched_calls + n
    where x.line_channel_id = p_line_channel and x.lane = p_lane;
  return query select n, extract(epoch from greatest(starts_at, p_at) - p_at)::double precision * 1000, rate, c.lowerings;
end $$;

-- For the question whether LINE has accepted a key of a lane lately, which is asked while a call waits for its outcome.
create index batch_accepted on batch (delivery_id, lane, updated_at) where accepted > 0;
create index delivery_channel on delivery (channel_id);

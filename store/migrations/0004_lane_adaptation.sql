-- A lane's rate follows what other senders leave of LINE's limit: lowered where LINE answers 429, recovering with time.

-- The rate in force is no column: it follows from the last lowering and the time since; see lane_rate.
alter table lane_clock
  -- Grows with every lowering, so that answers to calls from before it are known as old news.
  add column lowerings integer not null default 0,
  add column lowered_at timestamptz,
  add column lowered_to double precision,
  -- What the lane was believed to bear at the last lowering.
  add column bearable_per_second double precision,
  -- The watch that a first 429 opens, what was permitted since, and what of it was answered 429.
  add column watched_since timestamptz,
  add column watched_calls integer not null default 0,
  add column watched_throttles integer not null default 0,
  add column opening_throttles integer not null default 0;

-- The rate in force at an instant. A cube of time: quickly up to what the lane was believed to bear, long near it, where
-- probing costs few 429, and ever faster past it, so that a lane whose other senders have gone is back within a minute.
create function lane_rate(c lane_clock, p_at timestamptz) returns double precision language sql immutable as $$
  select case when c.lowered_at is null then c.calls_per_second else
    least(c.calls_per_second, c.bearable_per_second + 9e-6 * c.calls_per_second * power(
      extract(epoch from p_at - c.lowered_at)::double precision
        - cbrt((c.bearable_per_second - c.lowered_to) / (9e-6 * c.calls_per_second)), 3)) end
$$;

-- Moves a lane's clock on by n calls at most (GCRA), as of p_at, which the caller reads after it has locked the row.
-- The burst is a hundredth of a second of the rate: LINE's bucket may hold a tenth, and the way there wants the rest.
create function spend_lane(
  p_line_channel text, p_lane text, p_calls integer, p_longest_wait_ms double precision, p_at timestamptz
) returns table (calls integer, wait_ms double precision, calls_per_second double precision, lowerings integer)
language plpgsql as $$
declare
  c lane_clock%rowtype;
  rate double precision;
  n integer;
  starts_at timestamptz;
begin
  select * into c from lane_clock x where x.line_channel_id = p_line_channel and x.lane = p_lane for update;
  rate := lane_rate(c, p_at);
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

-- The permit of 0003, at the rate in force and with the number of lowerings it was given under.
-- answer: granted | wait (nothing taken; ask again after wait_ms) | paused | cancelled | stopped (rate 0) | superseded.
-- The delivery row is locked against a change of the gate while the permit is made, so that once a pause has been
-- committed no permit can come from before it.
drop function take_permit(
  uuid, text, integer, integer, text, integer, double precision, double precision, double precision
);
create function take_permit(
  p_delivery uuid, p_lane text, p_batch integer, p_attempt integer, p_line_channel text,
  p_calls integer, p_deadline_ms double precision, p_longest_wait_ms double precision, p_lifetime_ms double precision
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
  update batch_attempt a set calls_end_by = greatest(a.calls_end_by,
      now_at + make_interval(secs => (given.wait_ms + p_lifetime_ms + p_deadline_ms) / 1000))
    where a.delivery_id = p_delivery and a.lane = p_lane and a.batch_no = p_batch and a.attempt_no = p_attempt;
  return query select 'granted', given.calls, given.wait_ms, given.calls_per_second, d.gate_seq, given.lowerings;
end $$;

-- Takes note of calls that LINE answered 429, given the number of lowerings that they were permitted under, and lowers
-- the rate where they are no accident. Answers whether it did.
-- A first 429 opens a watch of a second. A single one among neighbours that pass is LINE's limit for one user and says
-- nothing of the rate; from two on, and 1 % of what was permitted meanwhile, it is the rate, and it is lowered by
-- their share. What other senders leave may be far less, so it is lowered again by what is seen under the new rate.
create function note_throttles(
  p_line_channel text, p_lane text, p_lowerings integer, p_throttles integer, p_at timestamptz
) returns boolean language plpgsql as $$
declare
  c lane_clock%rowtype;
  rate double precision;
  watched double precision;
  share double precision;
  bearable double precision;
begin
  select * into c from lane_clock x where x.line_channel_id = p_line_channel and x.lane = p_lane for update;
  if not found or c.calls_per_second <= 0 or c.lowerings <> p_lowerings then
    return false;
  end if;
  if c.watched_since is null or p_at > c.watched_since + interval '2 seconds' then
    -- Those that open the watch came before what it counts as permitted, so they are no part of the share.
    update lane_clock x set watched_since = p_at, watched_calls = 0, watched_throttles = 0,
        opening_throttles = p_throttles
      where x.line_channel_id = p_line_channel and x.lane = p_lane;
    return false;
  end if;
  c.watched_throttles := c.watched_throttles + p_throttles;
  update lane_clock x set watched_throttles = c.watched_throttles
    where x.line_channel_id = p_line_channel and x.lane = p_lane;
  -- Of few calls a share says little: at a low rate two 429 would halve it.
  watched := greatest(c.watched_calls, 100);
  if p_at < c.watched_since + interval '1 second'
    or c.watched_throttles + c.opening_throttles < 2
    or (c.watched_throttles + c.opening_throttles) / watched < 0.01 then
    return false;
  end if;
  rate := lane_rate(c, p_at);
  share := least(c.watched_throttles / watched, 0.5);
  -- Never below a fiftieth: a lane that sends nothing would learn nothing.
  bearable := greatest(rate * (1 - share / (1 - share)), rate * 0.5, c.calls_per_second * 0.02);
  update lane_clock x set lowerings = x.lowerings + 1, lowered_at = p_at, bearable_per_second = bearable,
      -- Below what it bears by a little, so that LINE's bucket fills again.
      lowered_to = bearable - least(0.04 * c.calls_per_second, 0.25 * bearable),
      -- A gap that parts what was permitted before from what comes.
      spent_until = greatest(x.spent_until, p_at) + interval '100 ms',
      watched_since = null, watched_calls = 0, watched_throttles = 0, opening_throttles = 0
    where x.line_channel_id = p_line_channel and x.lane = p_lane;
  return true;
end $$;

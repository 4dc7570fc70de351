-- Changes to a table of the warehouse are counted over all workers, for its engine counts them so.

create table warehouse_changes (
  table_name text primary key,
  -- Moments of the last day for which changes were allowed, in order; the latest may lie ahead.
  allowed_at timestamptz[] not null default '{}'
);

-- Keeps the earliest moment at which the next change may begin, as domain/change-limit.ts says, for the asker; answers
-- in how many milliseconds that is. Whoever asks later comes later, so nobody waits for ever.
create function next_warehouse_change(
  p_table text, p_burst integer, p_burst_ms double precision, p_before_slow integer, p_slow_ms double precision
) returns double precision language plpgsql as $$
declare
  earlier timestamptz[];
  changes integer;
  now_at timestamptz;
  next_at timestamptz;
begin
  insert into warehouse_changes (table_name) values (p_table) on conflict do nothing;
  select c.allowed_at into earlier from warehouse_changes c where c.table_name = p_table for update;
  -- Read after the lock was had: no two are allowed in another order than they are kept in.
  now_at := clock_timestamp();
  select coalesce(array_agg(x order by x), '{}') into earlier from unnest(earlier) x where x > now_at - interval '1 day';
  -- What lies further ahead than twenty workers wait was allowed by a clock that has been put back since.
  select coalesce(array_agg(x order by x), '{}') into earlier from unnest(earlier) x
    where x < now_at + make_interval(secs =>
      case when cardinality(earlier) < p_before_slow then p_burst_ms else p_slow_ms end / 1000 * 20);
  changes := cardinality(earlier);
  next_at := now_at;
  if changes >= p_burst then
    next_at := greatest(next_at, earlier[changes - p_burst + 1] + make_interval(secs => p_burst_ms / 1000));
  end if;
  if changes >= p_before_slow then
    next_at := greatest(next_at, earlier[changes] + make_interval(secs => p_slow_ms / 1000));
  end if;
  update warehouse_changes set allowed_at = earlier || next_at where table_name = p_table;
  return extract(epoch from next_at - now_at) * 1000;
end $$;

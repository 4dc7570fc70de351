-- What splitting refused requests costs: counted in the ledger itself, and from when its budget counts.

-- Calls that the splits on record cost: one for each part, but for a recipient whom LINE named while it refused the
-- whole. A part is on record before it is called, so nothing is called uncounted.
create function split_calls_of(p_records jsonb) returns integer language sql immutable as $$
  select count(*)::integer from jsonb_each(p_records) r
    where r.key like '%/%' and not (r.value ->> 'state' = 'rejected' and r.value ->> 'calls' = '0')
$$;

-- Pushes have one recipient each and are never split.
alter table batch add column split_calls integer not null
  generated always as (case when lane = 'multicast' then split_calls_of(records) else 0 end) stored;

-- Written when splitting has paused a delivery; what it cost until then is no part of the next budget.
create table split_budget (
  delivery_id uuid not null references delivery (id),
  lane text not null,
  calls_before integer not null,
  -- Requests refused as a whole that the delivery was paused for: once each.
  whole_requests integer[] not null,
  constraint split_budget_pk primary key (delivery_id, lane)
);

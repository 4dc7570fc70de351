-- What a delivery is doing and since when, and the alerts that are raised where it comes no further.

alter table delivery
  add column phase_at timestamptz,
  -- The round that the delivery waits for or works on; the first pass over the plan is none.
  add column next_round integer,
  add column next_round_at timestamptz,
  -- When the round before that one began.
  add column last_round_at timestamptz;
update delivery set phase_at = updated_at;
alter table delivery
  alter column phase_at set not null,
  alter column phase_at set default clock_timestamp();

-- When somebody in the batch last got an outcome. Not kept by merge_records: whatever writes the sums, this holds.
alter table batch add column outcome_at timestamptz;

create function note_outcome_at() returns trigger language plpgsql as $$
begin
  new.outcome_at := clock_timestamp();
  return new;
end $$;

create trigger batch_outcome_at before update on batch for each row
  when (new.accepted + new.rejected + new.unknown + new.skipped + new.unsent
    <> old.accepted + old.rejected + old.unknown + old.skipped + old.unsent)
  execute function note_outcome_at();

-- At most one of a kind is open for a delivery, so that watches that meet raise it once.
create table alert (
  id bigint generated always as identity primary key,
  delivery_id uuid not null references delivery (id),
  kind text not null,
  -- What the delivery waits for, in words, and since when.
  detail text not null,
  since timestamptz not null,
  raised_at timestamptz not null default clock_timestamp(),
  cleared_at timestamptz,
  -- Of the webhook: when it was taken, how often it was tried, and when it may be tried again.
  sent_at timestamptz,
  send_tries integer not null default 0,
  send_after timestamptz not null default clock_timestamp()
);
create unique index alert_open on alert (delivery_id, kind) where cleared_at is null;

-- Which process looks after alerts for the time being: two that see things differently would raise and clear in turns.
create table alert_watch (
  only_one boolean primary key default true constraint alert_watch_only_one check (only_one),
  holder text not null,
  held_until timestamptz not null
);

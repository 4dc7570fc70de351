-- A campaign's limit of recipients who can't be reached, and deliveries that retry what an earlier one left undelivered.

alter table campaign
  -- Share of the plan, 0 to 1; a delivery in which more are rejected, skipped or unknown is paused.
  add column pause_at_failed_share double precision not null default 0.1
    constraint campaign_pause_at_failed_share check (pause_at_failed_share between 0 and 1);

alter table delivery
  -- As the campaign had it when the delivery began.
  add column pause_at_failed_share double precision not null default 0.1,
  -- The ended delivery whose recipients of `retry_outcomes` this one is for.
  add column retry_of uuid references delivery (id),
  add column retry_outcomes text[],
  add constraint delivery_retry_outcomes check ((retry_of is null) = (retry_outcomes is null));
create index delivery_retry_of on delivery (retry_of) where retry_of is not null;

-- Recipients rejected, skipped or unknown so far: kept by the batches themselves, so that nobody has to sum them up.
create table failure_count (
  delivery_id uuid primary key references delivery (id),
  failed integer not null,
  -- What `failed` was when the delivery was last paused for it.
  paused_at integer
);

create function count_failures() returns trigger language plpgsql as $$
begin
  insert into failure_count (delivery_id, failed)
    values (new.delivery_id, new.rejected + new.skipped + new.unknown - old.rejected - old.skipped - old.unknown)
    on conflict (delivery_id) do update set failed = failure_count.failed + excluded.failed;
  return null;
end $$;

create trigger batch_failures after update on batch for each row
  when (new.rejected + new.skipped + new.unknown <> old.rejected + old.skipped + old.unknown)
  execute function count_failures();

insert into failure_count (delivery_id, failed)
  select b.delivery_id, sum(b.rejected + b.skipped + b.unknown)
  from batch b join delivery d on d.id = b.delivery_id
  where d.ended_at is null
  group by b.delivery_id
  having sum(b.rejected + b.skipped + b.unknown) > 0;

-- What the jobs of a warehouse that bills its work took for a delivery.

create table warehouse_job (
  -- The engine's id: one that is told again counts once.
  job_id text primary key,
  delivery_id uuid not null references delivery (id),
  -- What it was in the life of the delivery, such as `segment` or `load`.
  step text not null,
  bytes_processed bigint not null,
  bytes_billed bigint not null,
  slot_ms bigint not null,
  noted_at timestamptz not null default clock_timestamp()
);
create index warehouse_job_delivery on warehouse_job (delivery_id);

-- What a marketer registers: channels, contents, segments, campaigns; and who may call the API.

create table channel (
  id uuid primary key,
  -- LINE's own id: queues and permits are named by it, so it is unique and never changes.
  line_channel_id text not null constraint channel_line_channel_id_unique unique
    constraint channel_line_channel_id_digits check (line_channel_id ~ '^[0-9]{1,20}$'),
  name text not null,
  secret_sealed text not null,
  multicast_per_second double precision not null constraint channel_multicast_rate check (multicast_per_second between 0 and 200),
  push_per_second double precision not null constraint channel_push_rate check (push_per_second between 0 and 2000),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create table content (
  id uuid primary key,
  name text not null,
  latest_version integer not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

-- A version is never edited: a delivery holds on to the one it began with.
create table content_version (
  content_id uuid not null references content (id),
  version integer not null,
  messages jsonb not null,
  notification_disabled boolean not null,
  variables text[] not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint content_version_pk primary key (content_id, version)
);

create table segment (
  id uuid primary key,
  name text not null,
  dialect text not null constraint segment_dialect check (dialect in ('duckdb', 'bigquery')),
  sql text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create table campaign (
  id uuid primary key,
  name text not null,
  channel_id uuid not null references channel (id),
  content_id uuid not null references content (id),
  segment_id uuid not null references segment (id),
  priority integer not null constraint campaign_priority check (priority between 1 and 5),
  time_zone text not null,
  locale text not null,
  aggregation_unit text,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create table api_token (
  token_sha256 text primary key,
  name text not null,
  created_at timestamptz not null default clock_timestamp()
);

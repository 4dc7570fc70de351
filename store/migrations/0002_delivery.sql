-- A delivery, its plan, its ledger, and the permits by which it may call LINE.

create table delivery (
  id uuid primary key,
  campaign_id uuid not null references campaign (id),
  -- `once`, a scheduled instant, or `again/<n>`: two clicks and two API processes meet in this constraint.
  occurrence text not null,
  channel_id uuid not null references channel (id),
  content_id uuid not null,
  content_version integer not null,
  segment_id uuid not null references segment (id),
  -- The segment's SQL as it was when the delivery began.
  segment_sql text not null,
  priority integer not null,
  time_zone text not null,
  locale text not null,
  aggregation_unit text,
  -- Liquid's `now`, the same for every render of this delivery.
  rendered_as_of timestamptz not null,
  state text not null,
  state_reason text,
  gate text not null default 'open' constraint delivery_gate check (gate in ('open', 'paused', 'cancelled')),
  -- Grows with every change of the gate, so that late news is recognised as late.
  gate_seq integer not null default 0,
  gate_by text,
  gate_why text,
  gate_at timestamptz,
  started_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  interrupted_at timestamptz,
  account jsonb,
  constraint delivery_occurrence_unique unique (campaign_id, occurrence),
  constraint delivery_content_version_fk foreign key (content_id, content_version) references content_version (content_id, version)
);
create index delivery_open on delivery (state) where ended_at is null;

create table delivery_event (
  id bigint generated always as identity primary key,
  delivery_id uuid not null references delivery (id),
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  by_whom text,
  detail text
);
create index delivery_event_delivery on delivery_event (delivery_id, id);

-- The single commit point of a plan: the first insert wins, whatever files other freeze attempts leave behind.
create table plan (
  delivery_id uuid primary key references delivery (id),
  attempt text not null,
  digest text not null,
  audience jsonb not null,
  multicast_requests integer not null,
  multicast_recipients integer not null,
  push_requests integer not null,
  push_recipients integer not null,
  created_at timestamptz not null default clock_timestamp()
);

-- Which batches a page child workflow has: runs of batches in round 0, what is left over in later rounds.
create table page (
  delivery_id uuid not null references delivery (id),
  lane text not null,
  round integer not null,
  page_no integer not null,
  batches integer[] not null,
  constraint page_pk primary key (delivery_id, lane, round, page_no)
);

-- The ledger: what was attempted and what LINE answered, a row a batch.
create table batch (
  delivery_id uuid not null references delivery (id),
  lane text not null,
  batch_no integer not null,
  plan_attempt text not null,
  body_digest text not null,
  recipients integer not null,
  -- Of the batch's very first attempt: the age of its retry keys is counted from here.
  first_call_at timestamptz not null default clock_timestamp(),
  attempts integer not null default 0,
  -- By request number, or request number and ordinals for a split part; see domain/ledger.ts.
  records jsonb not null default '{}',
  accepted integer not null default 0,
  rejected integer not null default 0,
  unknown integer not null default 0,
  skipped integer not null default 0,
  unsent integer not null default 0,
  updated_at timestamptz not null default clock_timestamp(),
  constraint batch_pk primary key (delivery_id, lane, batch_no)
);

-- Written before the first call of an attempt: no row, no call.
create table batch_attempt (
  delivery_id uuid not null,
  lane text not null,
  batch_no integer not null,
  attempt_no integer not null,
  round integer not null,
  first_call_at timestamptz not null default clock_timestamp(),
  -- No call of this attempt is on the wire after this; kept by the permits themselves.
  calls_end_by timestamptz not null default clock_timestamp(),
  constraint batch_attempt_pk primary key (delivery_id, lane, batch_no, attempt_no),
  constraint batch_attempt_batch_fk foreign key (delivery_id, lane, batch_no) references batch (delivery_id, lane, batch_no)
);

-- One clock a channel and lane, for the whole fleet: the instant up to which its rate is spent.
create table lane_clock (
  line_channel_id text not null,
  lane text not null,
  calls_per_second double precision not null,
  spent_until timestamptz not null default '-infinity',
  constraint lane_clock_pk primary key (line_channel_id, lane)
);

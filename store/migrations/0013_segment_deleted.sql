-- Segments can be deleted, and the list that one was uploaded as goes with it.

alter table segment
  -- The list in the warehouse that was uploaded as this segment: its table is list_<list_id>.
  add column list_id text constraint segment_list_id_unique unique
    constraint segment_list_id_word check (list_id ~ '^[a-z0-9_]+$'),
  -- The row stays, for campaigns and deliveries say what they were for.
  add column deleted_at timestamptz;

-- What was uploaded so far reads its list as it was written then, unless somebody has changed it since.
update segment s set list_id = u.list_id
from (
  select distinct on (list_id) id, list_id
  from (
    select id, substring(sql from '^SELECT .* FROM list_([0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12})$') as list_id
    from segment
  ) found
  where list_id is not null
  order by list_id, id
) u
where s.id = u.id;

-- What the warehouse keeps of ended deliveries goes after a time; this says of which it may have gone.

alter table delivery
  -- Set before plan and parts are removed from the warehouse: from then on the delivery can't be retried.
  add column plan_dropped_at timestamptz;

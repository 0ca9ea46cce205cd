-- Addresses that are told what happens to records, and how far each has been told.
create table webhooks (
  workspace   blob      not null,
  webhook     blob      not null,
  -- Whose sight it has: it is told what this person may see, and nothing else.
  user_id     blob      not null,
  url         text      not null,
  events      text      not null,
  -- Needed to sign, so it cannot be kept as a hash.
  secret      blob      not null,
  skip_own    smallint  not null,
  position    bigint    not null,
  created_at  bigint    not null,
  paused_at   bigint,
  primary key (workspace, webhook)
);

create table deliveries (
  workspace   blob    not null,
  delivery    blob    not null,
  webhook     blob    not null,
  event       text    not null,
  body        text    not null,
  created_at  bigint  not null,
  attempts    bigint  not null default 0,
  -- None: delivered, or given up.
  next_at     bigint,
  state       text    not null,
  -- The last answer's status, or what went wrong instead.
  status      bigint,
  problem     text,
  tried_at    bigint,
  primary key (workspace, delivery)
);
create index deliveries_by_due on deliveries (workspace, next_at) where next_at is not null;
create index deliveries_by_webhook on deliveries (workspace, webhook, created_at);

-- Dashboards that are sent by mail again and again.
create table report_mails (
  workspace   blob    not null,
  mail        blob    not null,
  dashboard   blob    not null,
  -- Through whose eyes it is read.
  user_id     blob    not null,
  -- Addresses, with commas.
  recipients  text    not null,
  -- `day`, `week` (on Mondays) or `month` (on its first day), at this hour of this zone's clocks.
  every       text    not null,
  hour        bigint  not null,
  zone        text    not null,
  created_at  bigint  not null,
  next_at     bigint  not null,
  primary key (workspace, mail)
);
create index report_mails_by_next on report_mails (workspace, next_at);

-- Each sending by what it is for: one is begun once, and its Message-ID follows from this key.
create table report_mails_sent (
  workspace   blob    not null,
  mail        blob    not null,
  due_at      bigint  not null,
  attempts    bigint  not null default 0,
  -- When to try again; none: sent, or given up.
  retry_at    bigint,
  sent_at     bigint,
  problem     text,
  primary key (workspace, mail, due_at)
);

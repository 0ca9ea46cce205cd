-- Addresses under which a dashboard is read without signing in: what their maker may see, and nothing else.
create table report_links (
  workspace   blob    not null,
  link        blob    not null,
  -- The address itself is stored nowhere.
  token_hash  blob    not null,
  dashboard   blob    not null,
  -- Through whose eyes it is read.
  user_id     blob    not null,
  created_at  bigint  not null,
  expires_at  bigint  not null,
  revoked_at  bigint,
  opens       bigint  not null default 0,
  opened_at   bigint,
  primary key (workspace, link)
);
create unique index report_links_by_token on report_links (workspace, token_hash);

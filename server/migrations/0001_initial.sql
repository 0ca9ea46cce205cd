-- Everything the server knows. SQLite and PostgreSQL both understand these statements, but for one
-- word: a `blob` here is a `bytea` there, so PostgreSQL gets its own file beside this one.
--
-- The workspace leads every primary key: no statement can forget it without missing the index, and a
-- distributed PostgreSQL can shard by it. Ids are 16 raw bytes, hashes 32; times are milliseconds
-- since 1970 UTC, taken from the server's clock.

-- One tenant. `head` is the position of its newest feed entry: raised inside the transaction that
-- writes the entry, so positions have no gaps and nobody sees n + 1 before n.
create table workspaces (
  workspace   blob    not null primary key,
  name        text    not null unique,
  -- Changes when the database was restored: devices then offer back what the server lost.
  feed_epoch  blob    not null,
  head        bigint  not null default 0,
  created_at  bigint  not null
);

-- People.

create table users (
  workspace      blob    not null references workspaces (workspace),
  user_id        blob    not null,
  login          text    not null,
  name           text    not null,
  role           text    not null,
  password_hash  text    not null,
  language       text    not null,
  disabled_at    bigint,
  created_at     bigint  not null,
  primary key (workspace, user_id),
  unique (workspace, login)
);

-- Only the SHA-256 of a token is kept: who reads the database cannot sign in with it.
create table sessions (
  workspace     blob    not null,
  token_hash    blob    not null,
  user_id       blob    not null,
  created_at    bigint  not null,
  last_seen_at  bigint  not null,
  expires_at    bigint  not null,
  primary key (workspace, token_hash)
);
create index sessions_by_user on sessions (workspace, user_id);

create table device_codes (
  workspace   blob    not null,
  code_hash   blob    not null,
  user_id     blob    not null,
  created_at  bigint  not null,
  expires_at  bigint  not null,
  used_at     bigint,
  primary key (workspace, code_hash)
);
-- A code is typed by hand and does not say which workspace it is for.
create unique index device_codes_by_code on device_codes (code_hash);

create table devices (
  workspace     blob    not null,
  device        blob    not null,
  user_id       blob    not null,
  name          text    not null,
  -- The actor it enrolled with; all it ever had are in `actors`.
  actor         blob    not null,
  token_hash    blob    not null,
  app           text    not null default '',
  created_at    bigint  not null,
  last_seen_at  bigint  not null,
  revoked_at    bigint,
  primary key (workspace, device),
  unique (workspace, token_hash)
);
create index devices_by_user on devices (workspace, user_id);
create index devices_by_revocation on devices (workspace, revoked_at);

-- An actor belongs to one device for ever; a device gets further ones after a restore.
create table actors (
  workspace      blob    not null,
  actor          blob    not null,
  device         blob    not null,
  registered_at  bigint  not null,
  primary key (workspace, actor)
);
create index actors_by_device on actors (workspace, device);

-- Attempts at a secret within the running window, per account and per address. In the database, so
-- that several server processes share one limit. The subject is a hash: this is no list of logins.
create table login_attempts (
  workspace       blob    not null,
  scope           text    not null,
  subject         blob    not null,
  attempts        bigint  not null,
  window_ends_at  bigint  not null,
  primary key (workspace, scope, subject)
);

-- Records.

create table changes (
  workspace    blob      not null,
  position     bigint    not null,
  kind         text      not null,
  record       blob      not null,
  facet        smallint  not null,
  hash         blob      not null,
  actor        blob      not null,
  seq          bigint    not null,
  user_id      blob      not null,
  device       blob      not null,
  edit_time    bigint    not null,
  received_at  bigint    not null,
  import_id    blob,
  body         blob      not null,
  primary key (workspace, position)
);
-- Finds the history of a record, and makes a second change under one actor and number impossible.
create unique index changes_by_record on changes (workspace, record, facet, actor, seq);
-- What an import wrote, for taking it back; most changes belong to none.
create index changes_by_import on changes (workspace, import_id, record) where import_id is not null;

-- Which documents there are, of which kind, and where each was last written.
create table documents (
  workspace  blob      not null,
  record     blob      not null,
  facet      smallint  not null,
  kind       text      not null,
  changes    bigint    not null,
  position   bigint    not null,
  primary key (workspace, record, facet)
);

-- A record as it reads now: three JSON texts, one for each facet.
create table rows (
  workspace   blob      not null,
  kind        text      not null,
  record      blob      not null,
  title       text      not null,
  sort_title  text      not null,
  archived    smallint  not null,
  created_at  bigint    not null,
  updated_at  bigint    not null,
  position    bigint    not null,
  main        text      not null,
  commercial  text,
  private     text,
  primary key (workspace, record)
);
create index rows_by_id on rows (workspace, kind, archived, record);
create index rows_by_title on rows (workspace, kind, archived, sort_title, record);
create index rows_by_update on rows (workspace, kind, archived, updated_at, record);

create table conflicts (
  workspace    blob      not null,
  record       blob      not null,
  facet        smallint  not null,
  path         text      not null,
  kind         text      not null,
  field        text      not null,
  values_json  text      not null,
  since        bigint    not null,
  primary key (workspace, record, facet, path)
);
create index conflicts_by_age on conflicts (workspace, since);

create table links (
  workspace    blob  not null,
  source       blob  not null,
  role         text  not null,
  target       blob  not null,
  source_kind  text  not null,
  primary key (workspace, source, role, target)
);
create index links_by_target on links (workspace, target, role, source);

-- What was not accepted, kept for the back office. `state`: rejected, held, accepted, declined.
create table rejected (
  workspace      blob      not null,
  hash           blob      not null,
  position_seen  bigint,
  kind           text      not null,
  record         blob      not null,
  facet          smallint  not null,
  user_id        blob      not null,
  device         blob      not null,
  code           text      not null,
  field          text,
  rule           text,
  message_en     text      not null,
  message_zh     text      not null,
  received_at    bigint    not null,
  state          text      not null,
  decided_by     blob,
  decided_at     bigint,
  body           blob      not null,
  primary key (workspace, hash)
);
create index rejected_by_state on rejected (workspace, state, received_at);

-- Feed entries that are no changes: purge, schema, wipe.
create table feed_marks (
  workspace  blob      not null,
  position   bigint    not null,
  entry      smallint  not null,
  kind       text,
  record     blob,
  facet      smallint,
  detail     text,
  primary key (workspace, position)
);

create table imports (
  workspace    blob    not null,
  import_id    blob    not null,
  kind         text    not null,
  file_name    text    not null,
  started_at   bigint  not null,
  finished_at  bigint,
  user_id      blob    not null,
  created      bigint  not null default 0,
  updated      bigint  not null default 0,
  failed       bigint  not null default 0,
  undone_at    bigint,
  primary key (workspace, import_id)
);

-- Everything a device knows. `rows` is as on the server, so that one compiled query runs on both.
-- Ids are 16 raw bytes, hashes 32; times are milliseconds since 1970 UTC in the server's clock.

create table meta (
  name   text  not null primary key,
  value  blob  not null
) without rowid;

-- `id` is an order in which every change follows its parents. `state`: 0 base (the server has accepted
-- it), 1 pending. Numbers are never given twice: what was sent is told from what was not by them.
create table changes (
  id           integer   primary key autoincrement,
  record       blob      not null,
  facet        smallint  not null,
  kind         text      not null,
  hash         blob      not null,
  user_id      blob      not null,
  device       blob      not null,
  position     bigint,
  received_at  bigint,
  state        smallint  not null,
  body         blob      not null
);
create unique index changes_by_record on changes (record, facet, hash);
create index changes_pending on changes (id) where state = 1;

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
create index rows_by_title on rows (workspace, kind, archived, sort_title, record);
create index rows_by_update on rows (workspace, kind, archived, updated_at, record);

-- Only documents that people disagree on.
create table conflicts (
  record     blob      not null,
  facet      smallint  not null,
  conflicts  bigint    not null,
  primary key (record, facet)
) without rowid;

create table links (
  target  blob      not null,
  role    text      not null,
  source  blob      not null,
  facet   smallint  not null,
  primary key (target, role, source)
) without rowid;
create index links_by_source on links (source, facet);

-- What the server did not accept. `state`: rejected, held, purged.
create table drafts (
  id          integer   primary key,
  hash        blob      not null,
  kind        text      not null,
  record      blob      not null,
  facet       smallint  not null,
  state       text      not null,
  code        text      not null,
  field       text,
  rule        text,
  message     text      not null,
  message_zh  text      not null,
  edits       text      not null,
  edit_time   bigint    not null,
  since       bigint    not null,
  body        blob      not null,
  -- The same words in the same moment are the same change, in two records.
  unique (record, facet, hash)
);

-- What the server sent and this device could not admit.
create table quarantine (
  hash         blob      not null,
  kind         text      not null,
  record       blob      not null,
  facet        smallint  not null,
  user_id      blob      not null,
  device       blob      not null,
  position     bigint    not null,
  received_at  bigint    not null,
  reason       text      not null,
  body         blob      not null,
  primary key (record, facet, hash)
);

-- Rows changed since they were indexed; rows above the mark `searched` in `meta` were never indexed.
create table search_pending (
  id  integer  primary key
);
create virtual table search using fts5 (tokens, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0");

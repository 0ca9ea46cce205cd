-- What the console's search looks in: the words of each record's title and of the fields its kind searches,
-- filled behind the feed. Derived: it can be emptied and fills itself again.
--
-- The index is SQLite's own (FTS5); PostgreSQL gets a `tsvector` column beside its rows.
create table search_records (
  -- The row of the index. It never names another record later.
  number     integer  not null primary key autoincrement,
  workspace  blob     not null,
  record     blob     not null,
  unique (workspace, record)
);
create virtual table search using fts5 (tokens, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0");

-- Up to which position of the feed each of what runs behind it has done its work.
create table follower_marks (
  workspace  blob    not null,
  follower   text    not null,
  position   bigint  not null,
  primary key (workspace, follower)
);
create index rows_by_position on rows (workspace, position);

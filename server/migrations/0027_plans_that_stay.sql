-- Of the bare column in an index's condition every statement with `kind = $n` is planned again for each value that it is
-- given: SQLite tells only from the value whether the index helps. The same indexes, on an expression.
drop index rows_by_content;
create index rows_by_content on rows (workspace, lower(main ->> 'hash')) where kind || '' = 'file';
drop index rows_by_thumbnail;
create index rows_by_thumbnail on rows (workspace, lower(main ->> 'thumbnail')) where kind || '' = 'file';
drop index files_by_position;
create index files_by_position on rows (workspace, position) where kind || '' = 'file';

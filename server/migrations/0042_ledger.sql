-- How far this database has followed the ledger beside it, in which stands what took access away: a backup that is restored
-- has followed less of it than there is.
create table ledger (one integer primary key check (one = 1), seen integer not null);
insert into ledger (one, seen) values (1, 0);

-- Workspaces that came out of a backup and whose audit log does not say so yet, with the head that the log had before.
create table restored (workspace blob not null primary key, number integer, hash blob) without rowid;

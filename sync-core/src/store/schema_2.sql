-- With each accepted change the server's seal on it: with that it can be offered back to a server that
-- was restored from a backup and has lost it. A base change without a position is one that the present
-- life of the server has not shown to have.
alter table changes add column seal blob;
alter table quarantine add column seal blob;
create index changes_unconfirmed on changes (id) where state = 0 and position is null;

-- The key with which a workspace's changes are sealed when they go out: a phone that offers one back to a
-- restored server shows the seal. It lies in the backup, or a restored server would not know its own seals.
-- Workspaces that are there get one here; PostgreSQL says `gen_random_bytes(32)`.
alter table workspaces add column seal_key blob not null default x'';
update workspaces set seal_key = randomblob(32);

-- Nobody ever wrote it.
alter table rejected drop column position_seen;

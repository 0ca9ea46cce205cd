-- Who has had a content: whoever uploaded it, or could read it through one record when they named it in another. A file
-- record hands its content out when whoever named it there is among them: to know a hash is not to have had the bytes.
create table content_proofs (
  workspace  blob    not null,
  sha256     blob    not null,
  user_id    blob    not null,
  since      bigint  not null,
  primary key (workspace, sha256, user_id)
);

-- Contents from before are taken on trust: whoever has written to a file record that names one has had it.
insert into content_proofs (workspace, sha256, user_id, since)
with named as (
  select workspace, record, unhex(main ->> 'hash') as sha256 from rows where kind = 'file'
  union all
  select workspace, record, unhex(main ->> 'thumbnail') as sha256 from rows where kind = 'file'
)
select distinct b.workspace, b.sha256, c.user_id, b.created_at
from named n
join blobs b on b.workspace = n.workspace and b.sha256 = n.sha256
join changes c on c.workspace = n.workspace and c.record = n.record;

-- Which files name a content.
create index rows_by_content on rows (workspace, lower(main ->> 'hash')) where kind = 'file';
create index rows_by_thumbnail on rows (workspace, lower(main ->> 'thumbnail')) where kind = 'file';

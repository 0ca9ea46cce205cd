-- Who has given their word to an edit that needs several, in order. Only added to: the trail stays as it was.
create table approvals (
  workspace  blob     not null,
  hash       blob     not null,
  step       integer  not null,
  user_id    blob     not null,
  at         bigint   not null,
  primary key (workspace, hash, step)
);

-- Records that were erased: what comes late for one of them is refused, and a restored backup is cleaned again.
-- No value of the record is here.
create table erased (
  workspace  blob    not null,
  record     blob    not null,
  kind       text    not null,
  at         bigint  not null,
  by_user    blob,
  -- What was removed, as numbers: the proof.
  proof      text    not null,
  primary key (workspace, record)
);

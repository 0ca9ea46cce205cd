-- The same words in the same moment are the same change, in two records or two documents of one record: each waits at the
-- desk by itself. A hash alone named one of them, and the other was lost.
create table rejected_new (
  workspace      blob      not null,
  hash           blob      not null,
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
  note           text,
  was            text,
  answer         blob,
  primary key (workspace, hash, record, facet)
);
insert into rejected_new
  select workspace, hash, kind, record, facet, user_id, device, code, field, rule, message_en, message_zh,
         received_at, state, decided_by, decided_at, body, note, was, answer
  from rejected;
drop table rejected;
alter table rejected_new rename to rejected;
create index rejected_by_state on rejected (workspace, state, received_at);
create index rejected_by_record on rejected (workspace, record);

-- Words are given to one of them, too. Those that were given to what was erased since are nobody's.
create table approvals_new (
  workspace  blob      not null,
  hash       blob      not null,
  record     blob      not null,
  facet      smallint  not null,
  step       integer   not null,
  user_id    blob      not null,
  at         bigint    not null,
  primary key (workspace, hash, record, facet, step)
);
insert into approvals_new
  select a.workspace, a.hash, r.record, r.facet, a.step, a.user_id, a.at
  from approvals a join rejected r on r.workspace = a.workspace and r.hash = a.hash;
drop table approvals;
alter table approvals_new rename to approvals;

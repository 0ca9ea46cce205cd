-- What one person had and another has now. The edits carry `act` as their `import_id`, as those of any act of
-- many edits; a row here says what was asked, so that a server that stopped in the middle goes on.
create table handovers (
  workspace    blob      not null,
  act          blob      not null,
  from_user    blob      not null,
  to_user      blob      not null,
  by_user      blob      not null,
  -- A filter over customers in the query language; empty: everything that the person has.
  customers    text      not null,
  with_closed  smallint  not null,
  disable      smallint  not null,
  total        bigint    not null,
  moved        bigint    not null default 0,
  refused      bigint    not null default 0,
  started_at   bigint    not null,
  finished_at  bigint,
  undone_at    bigint,
  primary key (workspace, act)
);

-- Kinds that say otherwise by now whose their records are: holders are worked out again, record by record, up to `done`.
create table holder_debts (
  workspace  blob  not null,
  kind       text  not null,
  done       blob,
  primary key (workspace, kind)
);

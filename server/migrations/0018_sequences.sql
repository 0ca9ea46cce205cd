-- Numbers that the server gives: the last one of each sequence, by the year that it counts in ('' for one that
-- never begins again). The rules are records of the kind `sequence`.
create table sequence_counters (
  workspace  blob    not null,
  sequence   blob    not null,
  period     text    not null,
  last       bigint  not null,
  primary key (workspace, sequence, period)
);

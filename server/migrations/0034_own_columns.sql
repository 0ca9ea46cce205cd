-- Fields that stand in a column of their own in `rows`, beside the JSON that has them, too: what indexes are over is then
-- written only when it changes. A database makes such columns where a kind has become large; a row here says that every
-- record of that kind has its value there.
create table own_columns (
  kind   text  not null,
  facet  text  not null,
  field  text  not null,
  primary key (kind, facet, field)
);

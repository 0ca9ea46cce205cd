-- Drafts that were given up, until the server knows. No number comes twice: a late answer settles nothing that is newer.
create table withdrawals (
  number  integer   not null primary key autoincrement,
  record  blob      not null,
  facet   smallint  not null,
  hash    blob      not null
);

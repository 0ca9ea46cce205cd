-- What went out of sight while own edits of it still wait: it goes when they are delivered. `facet`: -1 for the whole record.
create table leaving (
  record  blob      not null,
  facet   smallint  not null,
  primary key (record, facet)
) without rowid;

-- What the server is still to be told of what was removed here. `number` is a random one.
create table receipts (
  number   integer   not null primary key,
  removal  smallint  not null,
  records  bigint    not null,
  unsent   bigint    not null,
  at       bigint    not null
);

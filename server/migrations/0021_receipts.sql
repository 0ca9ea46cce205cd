-- What devices say that they have removed, because it went out of sight, was erased, or they were told to forget everything.
create table receipts (
  workspace    blob      not null,
  device       blob      not null,
  -- The device's own number: sent twice, it is kept once.
  number       bigint    not null,
  -- 0 went out of sight, 1 was erased, 2 the device was wiped.
  removal      smallint  not null,
  records      bigint    not null,
  unsent       bigint    not null,
  at           bigint    not null,
  received_at  bigint    not null,
  primary key (workspace, device, number)
);

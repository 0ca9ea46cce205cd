-- The bytes of files on this device. Hashes are 32 raw bytes; times are milliseconds since 1970 UTC.

-- `received` bytes of `size` are here: fewer while a download is under way. `address` is where the
-- server takes it, once an upload has begun, `sent` what is safe there.
create table contents (
  id        integer  primary key,
  hash      blob     not null unique,
  size      bigint   not null,
  received  bigint   not null,
  used_at   bigint   not null,
  address   text,
  sent      bigint   not null default 0,
  code      text,
  detail    text
);

create table pieces (
  content  integer  not null,
  start    bigint   not null,
  body     blob     not null,
  primary key (content, start)
);

-- Files whose content the server does not have yet: until then it is on this device only.
create table waiting (
  record     blob      not null,
  content    integer   not null,
  thumbnail  smallint  not null,
  primary key (record, content)
) without rowid;
create index waiting_by_content on waiting (content);

-- What a device said of itself when it was last in touch: for the list of devices.
create table device_notes (
  workspace  blob     not null,
  device     blob     not null,
  protocol   integer  not null,
  -- Edits that waited on it for the server.
  pending    bigint   not null,
  -- Up to where it had read the feed.
  position   bigint   not null,
  noted_at   bigint   not null,
  primary key (workspace, device)
);

-- Devices that were shut out and are to forget everything: at once (`lost`), or once they have delivered what was
-- not sent (`hand_back`).
create table farewells (
  workspace  blob    not null,
  device     blob    not null,
  act        text    not null,
  asked_by   blob,
  asked_at   bigint  not null,
  -- When it was told to wipe, and when its receipt came.
  told_at    bigint,
  wiped_at   bigint,
  primary key (workspace, device)
);

-- Devices that have enrolled and wait until somebody has compared their fingerprint.
create table device_waits (
  workspace  blob    not null,
  device     blob    not null,
  asked_at   bigint  not null,
  primary key (workspace, device)
);

-- Days without contact after which phones lock; 0 never.
alter table workspaces add column lease_days bigint not null default 0;
-- Whether new devices wait for somebody's word.
alter table workspaces add column confirm_devices smallint not null default 0;

-- Who sees which record, worked out when records and members are written; reading only looks here.

-- Whose each record is: `user:<id>`, `team:<name>`, `territory:<name>`, and `record:<id>` of what it follows.
create table holders (
  workspace  blob      not null,
  record     blob      not null,
  holder     text      not null,
  -- 1: the record's own; 0: that of what it follows.
  own        smallint  not null,
  -- From this position of the feed on: whoever reaches the holder then got the record whole.
  since      bigint    not null,
  primary key (workspace, record, holder)
);
create index holders_by_holder on holders (workspace, holder, record);

-- Whom each user reaches, from which level on: 1 own, 2 team, 3 territory. Rows stay when they end, so that a phone
-- that was away is told what went out of its sight.
create table reach (
  workspace  blob      not null,
  user_id    blob      not null,
  holder     text      not null,
  level      smallint  not null,
  since      bigint    not null,
  until      bigint,
  primary key (workspace, user_id, holder)
);
create index reach_by_holder on reach (workspace, holder, user_id);

-- Records that came to a holder or left one after they were made, each at the position of a feed mark.
create table moves (
  workspace  blob      not null,
  position   bigint    not null,
  record     blob      not null,
  holder     text      not null,
  gone       smallint  not null,
  primary key (workspace, position, record, holder)
);

-- Workspaces from before: their holders are worked out at the next start.
create table sight_debts (
  workspace  blob  not null primary key
);
insert into sight_debts (workspace) select workspace from workspaces;

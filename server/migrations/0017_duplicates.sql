-- Records of one customer.

-- Every record that another one stands for: derived from the links of the role `alias_of`, written in the
-- transaction that writes those. Lists leave them out.
create table aliases (
  workspace  blob  not null,
  kind       text  not null,
  record     blob  not null,
  survivor   blob  not null,
  primary key (workspace, kind, record)
);
create index aliases_by_record on aliases (workspace, record);
create index aliases_by_survivor on aliases (workspace, survivor, record);

-- What records must share one of to be compared: phone numbers, names as they sound, and more, each written
-- one way. Filled behind the feed; derived, it can be emptied and fills itself again.
create table duplicate_keys (
  workspace  blob  not null,
  kind       text  not null,
  match_key  text  not null,
  record     blob  not null,
  primary key (workspace, kind, match_key, record)
);
create index duplicate_keys_by_record on duplicate_keys (workspace, record);

-- Pairs that are likely one, the lower id first, and how likely, in tenths of a bit.
create table duplicate_pairs (
  workspace  blob     not null,
  one        blob     not null,
  other      blob     not null,
  kind       text     not null,
  weight     integer  not null,
  primary key (workspace, one, other)
);
create index duplicate_pairs_by_other on duplicate_pairs (workspace, other);
create index duplicate_pairs_by_weight on duplicate_pairs (workspace, kind, weight);

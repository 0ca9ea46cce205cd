-- The secret addresses under which calendar programs fetch what somebody has to do: one for each person.
create table calendars (
  workspace   blob    not null,
  user_id     blob    not null,
  token_hash  blob    not null,
  created_at  bigint  not null,
  primary key (workspace, user_id),
  unique (workspace, token_hash)
);

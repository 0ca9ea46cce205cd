-- The second factor. The secret is needed to check a code, so it cannot be kept as a hash.
create table second_factors (
  workspace     blob    not null,
  user_id       blob    not null,
  secret        blob    not null,
  -- None while it is being set up: it is asked for only once a code of it was shown to work.
  confirmed_at  bigint,
  -- The newest half minute of which a code was used: a code works once.
  last_step     bigint  not null default 0,
  primary key (workspace, user_id)
);

create table recovery_codes (
  workspace  blob    not null,
  user_id    blob    not null,
  code_hash  blob    not null,
  used_at    bigint,
  primary key (workspace, user_id, code_hash)
);

-- Whose password was right and whose code is still to come.
create table sign_in_tickets (
  workspace    blob    not null,
  ticket_hash  blob    not null,
  user_id      blob    not null,
  expires_at   bigint  not null,
  primary key (workspace, ticket_hash)
);

-- What a session is told apart by in the list of them.
alter table sessions add column agent text not null default '';
alter table sessions add column address text not null default '';

-- Keys of programs: each acts for its user, within its scopes.
create table api_keys (
  workspace     blob    not null,
  key_id        blob    not null,
  token_hash    blob    not null,
  user_id       blob    not null,
  name          text    not null,
  scopes        text    not null,
  created_at    bigint  not null,
  last_used_at  bigint,
  expires_at    bigint,
  revoked_at    bigint,
  primary key (workspace, key_id),
  unique (workspace, token_hash)
);

-- Who signs in through another system (OpenID Connect): the name by which each provider knows them, for ever.
-- An e-mail address may be given to somebody else later; a subject is not.
create table identities (
  workspace   blob    not null,
  provider    text    not null,
  subject     text    not null,
  user_id     blob    not null,
  created_at  bigint  not null,
  primary key (workspace, provider, subject)
);
create index identities_by_user on identities (workspace, user_id);

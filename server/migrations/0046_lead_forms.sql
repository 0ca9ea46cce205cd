-- Forms that whoever has their address may fill in: what comes becomes a record.
create table lead_forms (
  workspace   blob    not null,
  form        blob    not null,
  -- The address's last part. It is public: whoever reads the page knows it.
  public_key  text    not null,
  -- In whose name records are made: what this person may write, and nothing else.
  user_id     blob    not null,
  name        text    not null,
  kind        text    not null,
  -- Names of fields, with commas.
  fields      text    not null,
  -- What every record gets besides, as JSON.
  preset      text    not null,
  -- Whose records they become in turn, as JSON.
  owners      text    not null,
  turns       bigint  not null default 0,
  created_at  bigint  not null,
  revoked_at  bigint,
  received    bigint  not null default 0,
  received_at bigint,
  primary key (workspace, form)
);
create unique index lead_forms_by_key on lead_forms (workspace, public_key);

-- Who did what beside editing records: an entry names the hash of the one before it, so that none can be
-- changed or taken out without the rest saying so.
create table audit (
  workspace  blob    not null,
  number     bigint  not null,
  at         bigint  not null,
  -- None: nobody who is known, or the operator at the command line.
  user_id    blob,
  act        text    not null,
  subject    text    not null,
  detail     text    not null,
  hash       blob    not null,
  primary key (workspace, number)
);

-- The newest entry of each workspace: without it, taking out the last entries would leave a sound chain.
create table audit_heads (
  workspace  blob    not null primary key,
  number     bigint  not null,
  hash       blob    not null
);

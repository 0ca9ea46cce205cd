-- Answers to requests that carried an `Idempotency-Key`: the same request again gets the same answer.
create table answers (
  workspace    blob    not null,
  user_id      blob    not null,
  key_hash     blob    not null,
  -- Method, address and body: the same key with another request is a mistake of the client's.
  fingerprint  blob    not null,
  -- None while the first request is running.
  status       bigint,
  headers      text    not null default '[]',
  body         blob,
  created_at   bigint  not null,
  primary key (workspace, user_id, key_hash)
);
create index answers_by_age on answers (workspace, created_at);

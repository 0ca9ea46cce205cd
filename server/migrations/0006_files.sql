-- Uploads that are not complete. How much of one is safe on the disk stands here, not in the length of its
-- partial file: after a power failure the end of a file may be anything.
create table uploads (
  workspace   blob    not null,
  upload      blob    not null,
  user_id     blob    not null,
  length      bigint  not null,
  received    bigint  not null default 0,
  name        text    not null,
  media_type  text    not null,
  -- The file record that it is for; none: one is made, or comes from a phone.
  record      blob,
  -- Ids of the records that the file is about, separated by commas.
  about       text    not null,
  -- What the content must hash to, if the client said so.
  sha256      blob,
  created_at  bigint  not null,
  expires_at  bigint  not null,
  primary key (workspace, upload)
);

-- The contents that are kept, each once, however many files have it.
create table blobs (
  workspace   blob    not null,
  sha256      blob    not null,
  size        bigint  not null,
  created_at  bigint  not null,
  primary key (workspace, sha256)
);

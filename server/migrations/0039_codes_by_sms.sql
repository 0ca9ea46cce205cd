-- Phone numbers that codes of the second factor are sent to, each with the newest code. At most one of a person's is
-- confirmed; the other is being added or comes in its place.
create table sms_numbers (
  workspace        blob    not null,
  user_id          blob    not null,
  number           text    not null,
  -- None until a code that was sent to it was typed: until then it stands for nothing.
  confirmed_at     bigint,
  -- None when no code was sent, or the newest one was used.
  code_hash        blob,
  code_expires_at  bigint  not null default 0,
  -- Wrong ones since it was sent.
  guesses          bigint  not null default 0,
  -- When the next code may be sent: messages take their time.
  again_at         bigint  not null default 0,
  primary key (workspace, user_id, number)
);

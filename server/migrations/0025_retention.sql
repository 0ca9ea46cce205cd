-- Workspaces in which what may not be kept any longer is erased every day by itself: on whose behalf, and when that was
-- done last.
create table retention_daily (
  workspace  blob    not null primary key,
  user_id    blob    not null,
  since      bigint  not null,
  -- The day, in the workspace's time zone, for which nothing is left to do.
  last_day   text    not null,
  last_at    bigint
);

-- Whether a link shows what whoever opens it may see, once they have signed in, and not what its maker may.
alter table report_links add column signed_in integer not null default 0 check (signed_in in (0, 1));

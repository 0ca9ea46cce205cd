-- What texts of a facet are ordered by, where that is something else than their letters: JSON, by `field` or `field.part`.
-- Nothing for nearly every row of Latin text.
alter table rows add column sort_main text;
alter table rows add column sort_commercial text;
alter table rows add column sort_private text;

-- By which version of the rules: keys of another one are made again at the next start.
alter table workspaces add column sorted bigint not null default 0;

-- What texts of a facet are ordered by, where that is something else than their letters: JSON, by `field` or `field.part`.
alter table rows add column sort_main text;
alter table rows add column sort_commercial text;
alter table rows add column sort_private text;

-- The marks of merged records are few, links are many. The field is `FIELD` of `actions/duplicates.rs`.
create index links_marks on links (source, target) where role = 'alias_of';

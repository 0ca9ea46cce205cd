-- What texts of a facet are ordered by, where that is something else than their letters: JSON, by `field` or `field.part`.
-- Nothing for nearly every row of Latin text.
alter table rows add column sort_main text;
alter table rows add column sort_commercial text;
alter table rows add column sort_private text;

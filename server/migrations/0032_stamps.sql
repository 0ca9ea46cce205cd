-- When each facet of a record was last edited, and where in the feed: JSON, `[[time, position], ...]` in the order of the
-- facets. Whoever may not see a facet is not told that somebody has edited it. Nothing for records of the main facet alone.
alter table rows add column stamps text;
update rows set stamps = json_array(
  json((select json_array(max(c.edit_time), max(c.position)) from changes c
   where c.workspace = rows.workspace and c.record = rows.record and c.facet = 0 group by c.facet)),
  json((select json_array(max(c.edit_time), max(c.position)) from changes c
   where c.workspace = rows.workspace and c.record = rows.record and c.facet = 1 group by c.facet)),
  json((select json_array(max(c.edit_time), max(c.position)) from changes c
   where c.workspace = rows.workspace and c.record = rows.record and c.facet = 2 group by c.facet)))
where commercial is not null or private is not null;

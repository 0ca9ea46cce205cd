-- Which file records were written last: who has had what they name is worked out behind the feed.
create index files_by_position on rows (workspace, position) where kind = 'file';

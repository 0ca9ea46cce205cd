-- Whether own edits of a record wait is asked for every row that is shown: a record with a long history is not read for it.
create index changes_pending_by_record on changes (record) where state = 1;

-- Where records come whole whose past was forgotten: every page asks, and there are next to none.
create index feed_marks_renewed on feed_marks (workspace, position) where entry = 7;

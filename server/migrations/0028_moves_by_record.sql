-- Whoever erases a record asks who may hold it still: who saw it once, and has not heard since that it left their sight.
create index moves_by_record on moves (workspace, record);

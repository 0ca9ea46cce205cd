-- What the back office said about an edit that was not accepted: a sentence for its author, what its state was
-- before (a decision can be taken back), and the change that was accepted: the edit itself, or what the reviewer
-- wrote in its place.
alter table rejected add column note text;
alter table rejected add column was text;
alter table rejected add column answer blob;
create index rejected_by_record on rejected (workspace, record);

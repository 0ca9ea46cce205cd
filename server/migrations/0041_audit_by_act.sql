-- Entries of one sort are found without reading the log.
create index audit_by_act on audit (workspace, act, number);

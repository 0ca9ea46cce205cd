-- When somebody looked at everything about a record the last time: found without reading the log.
create index audit_disclosed on audit (workspace, subject, user_id, number) where act = 'disclosed';

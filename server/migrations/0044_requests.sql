-- The requests for somebody's word that wait are looked through after every change; those that are closed are never few.
create index requests_open on rows (workspace, record) where kind || '' = 'approval' and main ->> 'outcome' is null;

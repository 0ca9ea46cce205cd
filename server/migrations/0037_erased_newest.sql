-- What was erased is listed page by page, newest first.
create index erased_newest on erased (workspace, at, record);

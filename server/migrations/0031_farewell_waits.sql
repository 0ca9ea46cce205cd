-- How often in a row a device that is handed back has brought edits that follow changes which are not here, and not those
-- changes: a server that was restored may have lost them, and is given them back before the device forgets them.
alter table farewells add column waits integer not null default 0;

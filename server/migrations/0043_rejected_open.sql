-- How much waits at the desk is asked whenever something comes to it: per device and person, and in all.
create index rejected_open on rejected (workspace, device, user_id, length(body)) where state in ('rejected', 'held');

-- What cannot be read nobody decides about, and what its device writes again is known by its hash.
delete from rejected where state = 'rejected' and code = 'malformed';
update rejected set body = x'' where state = 'rewritten';

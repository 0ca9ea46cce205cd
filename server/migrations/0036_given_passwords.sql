-- When somebody else chose the password that is in use: until its owner chooses one, it opens nothing but that page.
alter table users add column password_given_at bigint;
-- Whether another system said who it is: such a session needs no password here, and none has to be changed first.
alter table sessions add column by_provider smallint not null default 0;
-- The same of whoever is still to type the code of a second factor.
alter table sign_in_tickets add column by_provider smallint not null default 0;

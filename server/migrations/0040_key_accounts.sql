-- The record whose holders say who answers for the key account that an edit is about: that person is asked first.
alter table rejected add column account blob;

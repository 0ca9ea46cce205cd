-- Finds a record by its id as reporting tools write it: the views join by such texts (store/views.rs, `uuid`), and without
-- this every pair of rows would be compared.
create index rows_by_text_id on rows (lower(substr(hex(record), 1, 8) || '-' || substr(hex(record), 9, 4) || '-' || substr(hex(record), 13, 4) || '-' || substr(hex(record), 17, 4) || '-' || substr(hex(record), 21, 12)));

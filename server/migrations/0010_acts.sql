-- Several edits that are one act and are taken back as one: a file that was brought in (`file`), or many
-- records edited at once in the console (`bulk`).
alter table imports add column act text not null default 'file';

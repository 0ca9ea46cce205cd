-- Whose turn a form's next lead is follows from how many it has received.
alter table lead_forms drop column turns;

//! Records that stay in a state for longer than they may: since when, and the tasks that remind of it.
//!
//! Each reminder is made once, whoever looks: its id follows from the record, the state and until when the record might
//! stay there. Never reads a clock.

use serde_json::{Map, Value as Json};

use super::checklist::planned;
use crate::id::{DAY_MS, Millis, RecordId};
use crate::record::fields::FieldEdit;
use crate::schema::{Choice, Field, Formula, Kind, Label};

/// A record that is in a state for longer than it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overstay<'k> {
    /// The choice.
    pub field: &'k Field,
    /// The option that it is in.
    pub state: &'k Choice,
    /// Until when it might stay.
    pub due: Millis,
}

/// Whom a reminder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reminded {
    /// Whoever answers for the record.
    Owner,
    /// Whom they report to.
    Superior,
}

/// The fields that say until when records may stay in a state, with the choice: where some option has a time.
pub fn timed(kind: &Kind) -> impl Iterator<Item = (&Field, &Field)> {
    kind.fields.iter().filter_map(|due| match due.computed()? {
        Formula::Due { of } => Some((due, kind.field(of).filter(|of| of.options.iter().any(|option| option.days.is_some()))?)),
        _ => None,
    })
}

/// The states that a record is in for too long by now.
pub fn of<'k>(kind: &'k Kind, row: &Map<String, Json>, now: Millis) -> impl Iterator<Item = Overstay<'k>> {
    timed(kind).filter_map(move |(due, field)| {
        let state = field.option(row.get(&*field.name)?.as_str()?)?;
        let due = row.get(&*due.name)?.as_i64().filter(|due| *due < now)?;
        Some(Overstay { field, state, due })
    })
}

impl Overstay<'_> {
    /// By how many days, the one that has begun among them.
    pub fn days(&self, now: Millis) -> u64 {
        u64::try_from((now - self.due) / DAY_MS).unwrap_or_default() + 1
    }

    /// Who is to know of it by now.
    pub fn reminded(&self, now: Millis) -> Vec<Reminded> {
        let escalated = self.state.escalate_days.is_some_and(|days| now - self.due >= Millis::from(days) * DAY_MS);
        std::iter::once(Reminded::Owner).chain(escalated.then_some(Reminded::Superior)).collect()
    }

    /// The task that reminds somebody of it: its id, and what makes it, for whoever reads this language.
    pub fn task(&self, (record, title): (RecordId, &str), whom: Reminded, assignee: &str, language: &str) -> (RecordId, Vec<FieldEdit>) {
        let word = match whom {
            Reminded::Owner => "overstay",
            Reminded::Superior => "escalation",
        };
        let cause = format!("{word} of {} {} until {} of {record}", self.field.name, self.state.value, self.due);
        (RecordId::of_cause(&cause), planned(self.says(title).in_language(language), assignee, record))
    }

    fn says(&self, title: &str) -> Label {
        let Label { en, zh } = &self.state.label;
        Label {
            en: format!("Too long in \u{201c}{en}\u{201d}: {title}"), zh: format!("在\u{201c}{zh}\u{201d}阶段停留过久：{title}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn deals() -> Kind {
        let mut kind = Kind::clone(Schema::builtin().kind("deal").unwrap());
        let stage = kind.fields.iter_mut().find(|field| &*field.name == "stage").unwrap();
        let proposal = stage.options.iter_mut().find(|option| option.value == "proposal").unwrap();
        (proposal.days, proposal.escalate_days) = (Some(14), Some(7));
        kind
    }

    #[test]
    fn whoever_answers_is_told_when_the_time_is_over_and_their_superior_after_another_span() {
        let kind = deals();
        let row = json!({"stage": "proposal", "stage_due": 1_000});
        let found = |now: Millis| of(&kind, row.as_object().unwrap(), now).next();
        assert_eq!(found(1_000), None);
        let over = found(1_001).unwrap();
        assert_eq!((over.days(1_001), over.days(1_000 + DAY_MS)), (1, 2));
        assert_eq!(over.reminded(1_000 + 7 * DAY_MS - 1), [Reminded::Owner]);
        assert_eq!(over.reminded(1_000 + 7 * DAY_MS), [Reminded::Owner, Reminded::Superior]);
        let task = |whom, language| over.task((RecordId::of_cause("deal"), "Lamps"), whom, "bo", language);
        assert_eq!(task(Reminded::Owner, "en").0, task(Reminded::Owner, "zh").0, "one task, whoever reads it");
        assert_ne!(task(Reminded::Owner, "en").0, task(Reminded::Superior, "en").0);
        assert_eq!(task(Reminded::Owner, "zh").1[0], FieldEdit::set("subject", "在“方案报价”阶段停留过久：Lamps"));
    }

    #[test]
    fn a_state_without_a_time_is_never_stayed_in_too_long() {
        let row = json!({"stage": "proposal", "stage_due": 1_000});
        assert_eq!(of(Schema::builtin().kind("deal").unwrap(), row.as_object().unwrap(), Millis::MAX).next(), None);
        let won = json!({"stage": "won"});
        assert_eq!(of(&deals(), won.as_object().unwrap(), Millis::MAX).next(), None);
    }
}
